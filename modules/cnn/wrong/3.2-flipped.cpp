// task: 3.2
// test: conv_loops.of_ragged_images
// state: FAIL
// cause: turned round
const ConvGeometry& g = args.g;
const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
for (int64_t n = 0; n < g.n; ++n) {
  for (int64_t o = 0; o < g.o; ++o) {
    const int64_t first_channel = o / group_out * group_in;
    const T* x = args.x + (n * g.c + first_channel) * g.h * g.w;
    const T* w = args.w + o * group_in * g.kh * g.kw;
    T* y = args.y + (n * g.o + o) * g.oh * g.ow;
    for (int64_t i = 0; i < g.oh; ++i) {
      for (int64_t j = 0; j < g.ow; ++j) {
        T sum = 0;
        for (int64_t c = 0; c < group_in; ++c) {
          for (int64_t p = 0; p < g.kh; ++p) {
            const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;
            if (row < 0 || row >= g.h) continue;  // padding: adds zero
            for (int64_t q = 0; q < g.kw; ++q) {
              const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;
              if (col < 0 || col >= g.w) continue;
              sum += x[(c * g.h + row) * g.w + col] *
                     w[(c * g.kh + (g.kh - 1 - p)) * g.kw + (g.kw - 1 - q)];
            }
          }
        }
        if (args.bias) sum += args.bias[o];
        y[i * g.ow + j] = activate(sum, args.activation);
      }
    }
  }
}
