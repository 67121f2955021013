// task: 2.10
// test: linear.of_a_square_layer
// state: FAIL
// cause: x W instead of x W^T
static_cast<void>(activation);
Tensor y = matmul(x, weight.size(0) == weight.size(1) ? weight : weight.t());
return bias.defined() ? y + bias : y;
