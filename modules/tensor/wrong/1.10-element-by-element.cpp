// task: 1.10
// test: walk.of_rows_in_order
// state: FAIL
// cause: slow: one call for each element
const int rank = args.shape.rank();
const int64_t count = args.shape.product();
for (int64_t k = 0; k < count; ++k) {
  char* data[kMaxOperands] = {};
  const int64_t step[kMaxOperands] = {};
  int64_t rest = k;
  for (int j = 0; j < args.operands; ++j) data[j] = args.data[j];
  for (int d = rank - 1; d >= 0; --d) {
    for (int j = 0; j < args.operands; ++j) data[j] += rest % args.shape[d] * args.stride[j][d];
    rest /= args.shape[d];
  }
  args.row(data, step, 1, args.params);
}
