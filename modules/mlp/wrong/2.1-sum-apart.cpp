// task: 2.1
// test: matmul_ijk.begins_with_what_c_holds
// state: FAIL
// cause: begins with 0
for (int64_t i = 0; i < m; ++i)
  for (int64_t j = 0; j < n; ++j) {
    T sum = 0;
    for (int64_t p = 0; p < k; ++p) sum += a(i, p) * b(p, j);
    c(i, j) += sum;
  }
