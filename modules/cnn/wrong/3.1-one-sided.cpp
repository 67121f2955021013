// task: 3.1
// test: output_size.with_padding
// state: FAIL
// cause: on one side only
const int64_t reach = dilation * (kernel - 1) + 1;
return in + pad < reach ? 0 : (in + pad - reach) / stride + 1;
