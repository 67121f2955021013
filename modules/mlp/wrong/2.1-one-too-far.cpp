// task: 2.1
// test: matmul_ijk.stays_inside
// state: CRASH
// cause: heap-buffer-overflow
for (int64_t i = 0; i < m; ++i) {
  for (int64_t j = 0; j < n; ++j) {
    T sum = c(i, j);
    for (int64_t p = 0; p <= k; ++p) sum += a(i, p) * b(p, j);
    c(i, j) = sum;
  }
}
