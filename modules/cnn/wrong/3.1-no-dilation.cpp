// task: 3.1
// test: output_size.with_dilation
// state: FAIL
// cause: dilation is left out
static_cast<void>(dilation);
return in + 2 * pad < kernel ? 0 : (in + 2 * pad - kernel) / stride + 1;
