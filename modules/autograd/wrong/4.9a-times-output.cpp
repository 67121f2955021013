// task: 4.9
// region: 4.9a
// test: relu_grad.passes_where_relu_did
// state: FAIL
// cause: multiplied by y
for (int64_t i = 0; i < n; ++i) {
  const T g = *reinterpret_cast<const T*>(data[1] + i * step[1]);
  const T y = *reinterpret_cast<const T*>(data[2] + i * step[2]);
  *reinterpret_cast<T*>(data[0] + i * step[0]) = g * y;
}
