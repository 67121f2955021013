// task: 4.12
// test: max_pool_grad.of_channels_last
// state: FAIL
// cause: lie c apart
const PoolGeometry& g = args.g;
const bool nhwc = false;
const int64_t step = nhwc ? g.c : 1;  // from one pixel of a plane to the next
for (int64_t i = 0; i < g.n * g.c * g.h * g.w; ++i) args.dx[i] = T(0);
for (int64_t n = 0; n < g.n; ++n) {
  for (int64_t c = 0; c < g.c; ++c) {
    const int64_t out_plane = nhwc ? n * g.oh * g.ow * g.c + c : (n * g.c + c) * g.oh * g.ow;
    const int64_t in_plane = nhwc ? n * g.h * g.w * g.c + c : (n * g.c + c) * g.h * g.w;
    for (int64_t i = 0; i < g.oh; ++i) {
      for (int64_t j = 0; j < g.ow; ++j) {
        const int64_t out = out_plane + (i * g.ow + j) * step;
        const int64_t row = i * g.stride_h - g.pad_h + args.index[out] / g.kw;
        const int64_t col = j * g.stride_w - g.pad_w + args.index[out] % g.kw;
        args.dx[in_plane + (row * g.w + col) * step] += args.dy[out];
      }
    }
  }
}
