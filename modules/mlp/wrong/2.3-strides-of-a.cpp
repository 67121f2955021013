// task: 2.3
// test: matmul_blocked.of_a_transposed_a
// state: FAIL
// cause: use a(i, p), which
for (int64_t i = 0; i < m; ++i)
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < n; ++j) c(i, j) += a.data[i * k + p] * b(p, j);
