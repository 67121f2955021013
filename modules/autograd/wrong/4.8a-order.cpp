// task: 4.8
// region: 4.8a
// test: product.of_square_matrices
// state: FAIL
// cause: the factors changed places: dA
return matmul(b.transpose(-2, -1), g);
