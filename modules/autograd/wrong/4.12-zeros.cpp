// task: 4.12
// test: max_pool_grad.of_windows_side_by_side
// state: FAIL
// cause: no window sent
for (int64_t i = 0; i < args.g.n * args.g.c * args.g.h * args.g.w; ++i) args.dx[i] = T(0);
