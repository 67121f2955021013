// task: 4.8
// region: 4.8a
// test: product.of_square_matrices
// state: FAIL
// cause: B was not transposed
return matmul(g, b);
