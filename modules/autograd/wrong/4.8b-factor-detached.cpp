// task: 4.8
// region: 4.8b
// test: product.has_a_second_derivative
// state: FAIL
// cause: one factor was taken out
return matmul(a.detach().transpose(-2, -1), g);
