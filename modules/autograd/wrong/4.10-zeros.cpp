// task: 4.10
// test: conv_grad_input.of_plain_convolutions
// state: FAIL
// cause: no gradient at all
for (int64_t i = 0; i < args.g.n * args.g.c * args.g.h * args.g.w; ++i) args.dx[i] = T(0);
