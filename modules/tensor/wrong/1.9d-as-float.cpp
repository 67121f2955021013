// task: 1.9
// region: 1.9d
// test: rows.exp_of_doubles_keeps_their_digits
// state: FAIL
// cause: taken in float
for (int64_t i = 0; i < n; ++i) {
  const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
  *reinterpret_cast<T*>(data[0] + i * step[0]) = static_cast<T>(std::exp(static_cast<float>(a)));
}
