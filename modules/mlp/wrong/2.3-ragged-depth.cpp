// task: 2.3
// test: matmul_blocked.of_ragged_sizes
// state: FAIL
// cause: products, which fill no tile
const int64_t tile_k = 64, tile_n = 256;
for (int64_t j0 = 0; j0 < n; j0 += tile_n)
  for (int64_t p0 = 0; p0 < k / tile_k * tile_k; p0 += tile_k)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t p = p0; p < p0 + tile_k; ++p)
        for (int64_t j = j0; j < std::min(n, j0 + tile_n); ++j) c(i, j) += a(i, p) * b(p, j);
