// task: 1.6
// test: contiguous.not_with_gaps
// state: FAIL
// cause: exactly the product
for (int i = 0; i + 1 < shape.rank(); ++i)
  if (strides[i] < strides[i + 1] * shape[i + 1]) return false;
return shape.rank() == 0 || strides[shape.rank() - 1] == 1;
