// task: 1.9
// region: 1.9a
// test: rows.add_into_an_operand
// state: FAIL
// cause: aliasing
for (int64_t i = 0; i < n; ++i) {
  T& out = *reinterpret_cast<T*>(data[0] + i * step[0]);
  out = *reinterpret_cast<const T*>(data[1] + i * step[1]);
  out += *reinterpret_cast<const T*>(data[2] + i * step[2]);
}
