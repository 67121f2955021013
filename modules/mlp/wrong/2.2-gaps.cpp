// task: 2.2
// test: matmul_ikj.of_rows_with_gaps
// state: FAIL
// cause: lie n elements apart
T* c_row = &c(0, 0);
for (int64_t i = 0; i < m; ++i, c_row += n)
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < n; ++j) c_row[j] += a(i, p) * b(p, j);
