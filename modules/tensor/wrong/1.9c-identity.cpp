// task: 1.9
// region: 1.9c
// test: rows.relu_of_any_operand
// state: FAIL
// cause: copied as it is
for (int64_t i = 0; i < n; ++i) {
  const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
  *reinterpret_cast<T*>(data[0] + i * step[0]) = a;
}
