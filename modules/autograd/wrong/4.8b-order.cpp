// task: 4.8
// region: 4.8b
// test: product.of_square_matrices
// state: FAIL
// cause: the factors changed places: dB
return matmul(g, a.transpose(-2, -1));
