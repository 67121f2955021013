// task: 1.9
// region: 1.9a
// test: rows.add_of_dense_operands
// state: FAIL
// cause: the last element of the row is missing
for (int64_t i = 0; i + 1 < n; i += 2)
  for (int64_t k = i; k < i + 2; ++k) {
    const T a = *reinterpret_cast<const T*>(data[1] + k * step[1]);
    const T b = *reinterpret_cast<const T*>(data[2] + k * step[2]);
    *reinterpret_cast<T*>(data[0] + k * step[0]) = a + b;
  }
