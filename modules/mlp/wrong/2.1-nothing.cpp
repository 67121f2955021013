// task: 2.1
// test: matmul_ijk.of_ragged_sizes
// state: FAIL
// cause: no product arrives
static_cast<void>(a), static_cast<void>(b), static_cast<void>(c), static_cast<void>(m);
static_cast<void>(n), static_cast<void>(k);
