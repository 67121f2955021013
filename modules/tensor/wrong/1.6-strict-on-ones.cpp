// task: 1.6
// test: contiguous.sizes_of_one_have_any_stride
// state: FAIL
// cause: its stride does not matter
bool dense = true;
int64_t expected = 1;
for (int i = shape.rank() - 1; i >= 0; --i) {
  if (shape[i] == 0) return true;
  if (strides[i] != expected) dense = false;
  expected *= shape[i];
}
return dense;
