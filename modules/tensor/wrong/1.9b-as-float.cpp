// task: 1.9
// region: 1.9b
// test: rows.mul_of_doubles_keeps_their_digits
// state: FAIL
// cause: computed in float
for (int64_t i = 0; i < n; ++i) {
  const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
  const T b = *reinterpret_cast<const T*>(data[2] + i * step[2]);
  *reinterpret_cast<T*>(data[0] + i * step[0]) =
      static_cast<T>(static_cast<float>(a) * static_cast<float>(b));
}
