// task: 1.5
// test: contiguous_strides.of_a_zero_size
// state: FAIL
// cause: it counts as 1
Strides strides = Dims::filled(shape.rank(), 1);
for (int i = shape.rank() - 2; i >= 0; --i) strides[i] = strides[i + 1] * shape[i + 1];
return strides;
