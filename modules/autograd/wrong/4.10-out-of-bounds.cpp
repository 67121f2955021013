// task: 4.10
// test: conv_grad_input.with_padding
// state: CRASH
// cause: heap-buffer-overflow
const ConvGeometry& g = args.g;
const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
for (int64_t i = 0; i < g.n * g.c * g.h * g.w; ++i) args.dx[i] = T(0);
for (int64_t n = 0; n < g.n; ++n) {
  for (int64_t o = 0; o < g.o; ++o) {
    const int64_t first_channel = o / group_out * group_in;
    const T* dy = args.dy + (n * g.o + o) * g.oh * g.ow;
    for (int64_t c = 0; c < group_in; ++c) {
      T* dx = args.dx + (n * g.c + first_channel + c) * g.h * g.w;
      for (int64_t p = 0; p < g.kh; ++p) {
        for (int64_t q = 0; q < g.kw; ++q) {
          const T weight = args.w[((o * group_in + c) * g.kh + p) * g.kw + q];
          for (int64_t i = 0; i < g.oh; ++i) {
            const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;

            for (int64_t j = 0; j < g.ow; ++j) {
              const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;

              dx[row * g.w + col] += dy[i * g.ow + j] * weight;
            }
          }
        }
      }
    }
  }
}
