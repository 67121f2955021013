// task: 3.1
// test: output_size.with_stride
// state: FAIL
// cause: the stride is left out
const int64_t reach = dilation * (kernel - 1) + 1;
static_cast<void>(stride);
return in + 2 * pad < reach ? 0 : in + 2 * pad - reach + 1;
