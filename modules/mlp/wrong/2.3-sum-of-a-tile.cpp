// task: 2.3
// test: matmul_blocked.adds_in_rising_p
// state: FAIL
// cause: each tile has a sum of its own
const int64_t tile_k = 64, tile_n = 256;
for (int64_t j0 = 0; j0 < n; j0 += tile_n)
  for (int64_t p0 = 0; p0 < k; p0 += tile_k)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = j0; j < std::min(n, j0 + tile_n); ++j) {
        T sum = 0;
        for (int64_t p = p0; p < std::min(k, p0 + tile_k); ++p) sum += a(i, p) * b(p, j);
        c(i, j) += sum;
      }
