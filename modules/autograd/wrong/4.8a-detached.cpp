// task: 4.8
// region: 4.8a
// test: product.has_a_second_derivative
// state: FAIL
// cause: outside the graph
const NoGrad no_grad;
return matmul(g, b.transpose(-2, -1));
