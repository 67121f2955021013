// task: 1.9
// region: 1.9a
// test: rows.add_of_dense_operands
// state: FAIL
// cause: counted in bytes
T* out = reinterpret_cast<T*>(data[0]);
const T* a = reinterpret_cast<const T*>(data[1]);
const T* b = reinterpret_cast<const T*>(data[2]);
for (int64_t i = 0; i < n; ++i) out[i * step[0]] = a[i * step[1]] + b[i * step[2]];
