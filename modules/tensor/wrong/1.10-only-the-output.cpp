// task: 1.10
// test: walk.of_rows_in_order
// state: FAIL
// cause: only operand 0 moves
const int rank = args.shape.rank();
for (int d = 0; d < rank; ++d)
  if (args.shape[d] == 0) return;
char* data[kMaxOperands] = {};
int64_t step[kMaxOperands] = {}, rows = 1;
for (int j = 0; j < args.operands; ++j) {
  data[j] = args.data[j];
  if (rank > 0) step[j] = args.stride[j][rank - 1];
}
for (int d = 0; d + 1 < rank; ++d) rows *= args.shape[d];
for (int64_t row = 0; row < rows; ++row) {
  int64_t rest = row, at = 0;
  for (int d = rank - 2; d >= 0; --d) {
    at += rest % args.shape[d] * args.stride[0][d];
    rest /= args.shape[d];
  }
  data[0] = args.data[0] + at;
  args.row(data, step, rank > 0 ? args.shape[rank - 1] : 1, args.params);
}
