// task: 2.10
// test: linear.of_a_batch
// state: FAIL
// cause: the result is 0
static_cast<void>(activation);
return matmul(x, weight.t()) * 0;
