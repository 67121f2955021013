// task: 2.1
// test: matmul_ijk.keeps_the_precision_of_double
// state: FAIL
// cause: the sum is kept in float
for (int64_t i = 0; i < m; ++i) {
  for (int64_t j = 0; j < n; ++j) {
    float sum = static_cast<float>(c(i, j));
    for (int64_t p = 0; p < k; ++p) sum += static_cast<float>(a(i, p) * b(p, j));
    c(i, j) = static_cast<T>(sum);
  }
}
