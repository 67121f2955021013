// task: 1.10
// test: walk.moves_every_operand_by_its_strides
// state: FAIL
// cause: outer dimensions are left out
const int rank = args.shape.rank();
const int64_t rows = rank > 1 ? args.shape[rank - 2] : 1, n = rank > 0 ? args.shape[rank - 1] : 1;
if (args.shape.product() == 0) return;
for (int64_t i = 0; i < rows; ++i) {
  char* data[kMaxOperands] = {};
  int64_t step[kMaxOperands] = {};
  for (int j = 0; j < args.operands; ++j) {
    data[j] = args.data[j] + (rank > 1 ? i * args.stride[j][rank - 2] : 0);
    if (rank > 0) step[j] = args.stride[j][rank - 1];
  }
  args.row(data, step, n, args.params);
}
