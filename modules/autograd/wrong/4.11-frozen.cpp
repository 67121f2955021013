// task: 4.11
// test: conv_grad_weight.of_plain_convolutions
// state: FAIL
// cause: frozen
const ConvGeometry& g = args.g;
for (int64_t i = 0; i < g.o * (g.c / g.groups) * g.kh * g.kw; ++i)
  args.dw[i] = args.accumulate ? args.dw[i] : T(0);
for (int64_t o = 0; args.dbias && o < g.o; ++o)
  args.dbias[o] = args.accumulate ? args.dbias[o] : T(0);
