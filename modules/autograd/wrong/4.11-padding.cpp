// task: 4.11
// test: conv_grad_weight.with_padding
// state: FAIL
// cause: read zeros, no pixel
const ConvGeometry& g = args.g;
const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
T* dw = args.dw;
for (int64_t o = 0; o < g.o; ++o) {
  const int64_t first_channel = o / group_out * group_in;
  for (int64_t c = 0; c < group_in; ++c) {
    for (int64_t p = 0; p < g.kh; ++p) {
      for (int64_t q = 0; q < g.kw; ++q, ++dw) {
        T sum = 0;
        for (int64_t n = 0; n < g.n; ++n) {
          const T* x = args.x + (n * g.c + first_channel + c) * g.h * g.w;
          const T* dy = args.dy + (n * g.o + o) * g.oh * g.ow;
          for (int64_t i = 0; i < g.oh; ++i) {
            const int64_t row = i * g.stride_h + p * g.dil_h;
            if (row < 0 || row >= g.h) continue;
            for (int64_t j = 0; j < g.ow; ++j) {
              const int64_t col = j * g.stride_w + q * g.dil_w;
              if (col < 0 || col >= g.w) continue;
              sum += dy[i * g.ow + j] * x[row * g.w + col];
            }
          }
        }
        *dw = (args.accumulate ? *dw : T(0)) + sum;
      }
    }
  }
  if (args.dbias) {
    T sum = 0;
    for (int64_t n = 0; n < g.n; ++n) {
      const T* dy = args.dy + (n * g.o + o) * g.oh * g.ow;
      for (int64_t i = 0; i < g.oh * g.ow; ++i) sum += dy[i];
    }
    args.dbias[o] = (args.accumulate ? args.dbias[o] : T(0)) + sum;
  }
}
