// task: 1.9
// region: 1.9a
// test: rows.add_of_dense_operands
// state: FAIL
// cause: the last element of the row is missing
for (int64_t i = 0; i < n - 1; ++i) {
  const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
  const T b = *reinterpret_cast<const T*>(data[2] + i * step[2]);
  *reinterpret_cast<T*>(data[0] + i * step[0]) = a + b;
}
