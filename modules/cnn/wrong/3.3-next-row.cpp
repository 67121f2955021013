// task: 3.3
// test: im2col.with_padding
// state: FAIL
// cause: reads the next row
for (int64_t c = 0; c < group_in; ++c) {
  for (int64_t p = 0; p < g.kh; ++p) {
    for (int64_t q = 0; q < g.kw; ++q) {
      for (int64_t i = 0; i < g.oh; ++i) {
        for (int64_t j = 0; j < g.ow; ++j) {
          const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;
          const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;
          const bool inside = row >= 0 && row < g.h && col >= 0 &&
                              (c * g.h + row) * g.w + col < group_in * g.h * g.w;
          *columns++ = inside ? x[(c * g.h + row) * g.w + col] : T(0);
        }
      }
    }
  }
}
