// task: 1.9
// region: 1.9a
// test: rows.add_of_strided_operands
// state: FAIL
// cause: the steps are ignored
static_cast<void>(step);
T* out = reinterpret_cast<T*>(data[0]);
const T* a = reinterpret_cast<const T*>(data[1]);
const T* b = reinterpret_cast<const T*>(data[2]);
for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
