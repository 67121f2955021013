// task: 1.8
// test: reshape.of_a_contiguous_tensor
// state: FAIL
// cause: a needless copy
if (shape.product() == 0) return Layout{shape, contiguous_strides(shape), x.offset};
Layout out{shape, Dims::filled(shape.rank(), 1), x.offset};
int to = shape.rank() - 1;
int from = x.shape.rank() - 1;
while (from >= 0) {
  int64_t run = x.shape[from];
  const int64_t unit = x.strides[from];
  while (from > 0 && (x.shape[from - 1] == 1)) run *= x.shape[--from];
  --from;
  int64_t filled = 1;
  while (to >= 0 && (filled < run || shape[to] == 1)) {
    out.strides[to] = unit * filled;
    filled *= shape[to--];
  }
  if (filled != run) return std::nullopt;
}
return out;
