// task: 2.3
// test: matmul_blocked.of_whole_tiles
// state: FAIL
// cause: only the first tile of p
const int64_t tile_k = 64, tile_n = 256;
for (int64_t j0 = 0; j0 < n; j0 += tile_n)
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < std::min(k, tile_k); ++p)
      for (int64_t j = j0; j < std::min(n, j0 + tile_n); ++j) c(i, j) += a(i, p) * b(p, j);
