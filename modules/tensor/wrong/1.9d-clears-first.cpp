// task: 1.9
// region: 1.9d
// test: rows.exp_of_any_operand
// state: FAIL
// cause: the output was written before
for (int64_t i = 0; i < n; ++i) *reinterpret_cast<T*>(data[0] + i * step[0]) = 0;
for (int64_t i = 0; i < n; ++i)
  *reinterpret_cast<T*>(data[0] + i * step[0]) += std::exp(
      *reinterpret_cast<const T*>(data[1] + i * step[1]));
