// task: 4.8
// region: 4.8b
// test: product.of_square_matrices
// state: FAIL
// cause: A was not transposed
return matmul(a, g);
