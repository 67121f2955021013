// task: 2.10
// test: linear.of_a_batch
// state: FAIL
// cause: the bias is not added
return linear(x, weight, {}, activation);
