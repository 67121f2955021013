// task: 3.6
// test: max_pool.keeps_a_nan
// state: FAIL
// cause: loses every comparison
const PoolGeometry& g = args.g;
for (int64_t n = 0; n < g.n; ++n) {
  for (int64_t c = 0; c < g.c; ++c) {
    for (int64_t i = 0; i < g.oh; ++i) {
      for (int64_t j = 0; j < g.ow; ++j) {
        T best = 0;
        int64_t winner = -1;
        for (int64_t p = 0; p < g.kh; ++p) {
          for (int64_t q = 0; q < g.kw; ++q) {
            const int64_t row = i * g.stride_h + p - g.pad_h, col = j * g.stride_w + q - g.pad_w;
            if (row < 0 || row >= g.h || col < 0 || col >= g.w) continue;
            const T v = args.x[image_offset(args.layout, g.c, g.h, g.w, n, c, row, col)];
            if (winner < 0 || v > best) {
              best = v;
              winner = p * g.kw + q;
            }
          }
        }
        const int64_t out = image_offset(args.layout, g.c, g.oh, g.ow, n, c, i, j);
        args.y[out] = best;
        if (args.index) args.index[out] = static_cast<uint8_t>(winner);
      }
    }
  }
}
