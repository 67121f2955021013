// task: 3.1
// test: output_size.is_zero_when_nothing_fits
// state: FAIL
// cause: expected 0
const int64_t reach = dilation * (kernel - 1) + 1;
return (in + 2 * pad - reach) / stride + 1;
