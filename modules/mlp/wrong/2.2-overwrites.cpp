// task: 2.2
// test: matmul_ikj.of_ragged_sizes
// state: FAIL
// cause: overwrite
for (int64_t i = 0; i < m; ++i)
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < n; ++j) c(i, j) = a(i, p) * b(p, j);
