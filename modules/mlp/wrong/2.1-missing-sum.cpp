// task: 2.1
// test: matmul_ijk.of_ragged_sizes
// state: FAIL
// cause: overwrite C instead of being added
for (int64_t i = 0; i < m; ++i) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t p = 0; p < k; ++p) c(i, j) = a(i, p) * b(p, j);
  }
}
