// task: 4.8
// region: 4.8a
// test: product.of_square_matrices
// state: FAIL
// cause: the gradient of A is all zeros
return matmul(g, b.transpose(-2, -1)) * 0;
