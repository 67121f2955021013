// task: 1.6
// test: contiguous.sizes_of_one_have_any_stride
// state: FAIL
// cause: only dimensions of size 1
bool dense = true;
int64_t expected = 1;
for (int i = shape.rank() - 1; i >= 0; --i) {
  if (shape[i] == 0) return true;
  if (shape[i] != 1 && strides[i] != expected) dense = false;
  if (shape[i] == 1) return true;
  expected *= shape[i];
}
return dense;
