// task: 2.1
// test: matmul_ijk.of_transposed_operands
// state: FAIL
// cause: use b(p, j), which
for (int64_t i = 0; i < m; ++i) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t p = 0; p < k; ++p) c(i, j) += a(i, p) * b.data[p * n + j];
  }
}
