// task: 2.10
// test: linear.copies_no_operand
// state: FAIL
// cause: an operand is copied
static_cast<void>(activation);
const Tensor y = matmul(x, weight.t().contiguous());
return bias.defined() ? y + bias : y;
