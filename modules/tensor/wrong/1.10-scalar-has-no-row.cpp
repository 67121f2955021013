// task: 1.10
// test: walk.of_a_scalar
// state: FAIL
// cause: a scalar is one row of one element
const int rank = args.shape.rank();
if (rank == 0) return;
int64_t index[kMaxDims] = {};   // of the outer dimensions: where the walk is
char* data[kMaxOperands] = {};  // of each operand there
int64_t step[kMaxOperands] = {};
for (int d = 0; d < rank; ++d)
  if (args.shape[d] == 0) return;
for (int j = 0; j < args.operands; ++j) {
  data[j] = args.data[j];
  if (rank > 0) step[j] = args.stride[j][rank - 1];
}
const int64_t n = rank > 0 ? args.shape[rank - 1] : 1;
while (true) {
  args.row(data, step, n, args.params);
  // Count up like an odometer: the last outer dimension first; one that is full goes back to 0.
  int d = rank - 2;
  while (d >= 0 && index[d] == args.shape[d] - 1) {
    for (int j = 0; j < args.operands; ++j) data[j] -= index[d] * args.stride[j][d];
    index[d] = 0;
    --d;
  }
  if (d < 0) return;
  ++index[d];
  for (int j = 0; j < args.operands; ++j) data[j] += args.stride[j][d];
}
