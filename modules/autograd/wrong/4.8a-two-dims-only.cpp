// task: 4.8
// region: 4.8a
// test: product.of_batches
// state: FAIL
// cause: t:
return matmul(g, b.t());
