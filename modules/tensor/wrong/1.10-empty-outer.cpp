// task: 1.10
// test: walk.of_an_empty_shape
// state: FAIL
// cause: there is no element and no row
const int rank = args.shape.rank();
int64_t index[kMaxDims] = {};   // of the outer dimensions: where the walk is
char* data[kMaxOperands] = {};  // of each operand there
int64_t step[kMaxOperands] = {};
if (rank > 0 && args.shape[rank - 1] == 0) return;
for (int j = 0; j < args.operands; ++j) {
  data[j] = args.data[j];
  if (rank > 0) step[j] = args.stride[j][rank - 1];
}
const int64_t n = rank > 0 ? args.shape[rank - 1] : 1;
while (true) {
  args.row(data, step, n, args.params);
  // Count up like an odometer: the last outer dimension first; one that is full goes back to 0.
  int d = rank - 2;
  while (d >= 0 && index[d] >= args.shape[d] - 1) {
    for (int j = 0; j < args.operands; ++j) data[j] -= index[d] * args.stride[j][d];
    index[d] = 0;
    --d;
  }
  if (d < 0) return;
  ++index[d];
  for (int j = 0; j < args.operands; ++j) data[j] += args.stride[j][d];
}
