// task: 4.9
// region: 4.9a
// test: relu_grad.of_strided_operands
// state: FAIL
// cause: the steps were ignored
(void)step;
const T* g = reinterpret_cast<const T*>(data[1]);
const T* y = reinterpret_cast<const T*>(data[2]);
T* dx = reinterpret_cast<T*>(data[0]);
for (int64_t i = 0; i < n; ++i) dx[i] = y[i] > 0 ? g[i] : T(0);
