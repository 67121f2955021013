// task: 3.1
// test: output_size.with_stride
// state: FAIL
// cause: round down
const int64_t reach = dilation * (kernel - 1) + 1;
return in + 2 * pad < reach ? 0 : (in + 2 * pad - reach + stride - 1) / stride + 1;
