// task: 1.6
// test: contiguous.of_an_empty_tensor
// state: FAIL
// cause: no element to be out of place
bool dense = true;
int64_t expected = 1;
for (int i = shape.rank() - 1; i >= 0; --i) {
  if (shape[i] != 1 && strides[i] != expected) dense = false;
  expected *= shape[i];
}
return dense;
