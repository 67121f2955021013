// task: 3.7
// region: 3.7b
// test: avg_pool.of_ragged_images
// state: FAIL
// cause: the sum is not divided
const PoolGeometry& g = args.g;
for (int64_t n = 0; n < g.n; ++n) {
  for (int64_t c = 0; c < g.c; ++c) {
    for (int64_t i = 0; i < g.oh; ++i) {
      for (int64_t j = 0; j < g.ow; ++j) {
        T sum = 0;
        for (int64_t p = 0; p < g.kh; ++p) {
          for (int64_t q = 0; q < g.kw; ++q) {
            const int64_t row = i * g.stride_h + p - g.pad_h, col = j * g.stride_w + q - g.pad_w;
            if (row < 0 || row >= g.h || col < 0 || col >= g.w) continue;
            sum += args.x[image_offset(args.layout, g.c, g.h, g.w, n, c, row, col)];
          }
        }
        const int64_t out = image_offset(args.layout, g.c, g.oh, g.ow, n, c, i, j);
        args.y[out] = sum;
      }
    }
  }
}
