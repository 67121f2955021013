// task: 3.1
// test: output_size.of_a_window_that_fits
// state: FAIL
// cause: one position is missing
const int64_t reach = dilation * (kernel - 1) + 1;
return (in + 2 * pad - reach) / stride;
