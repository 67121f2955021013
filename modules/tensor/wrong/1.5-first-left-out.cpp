// task: 1.5
// test: contiguous_strides.of_three_dimensions
// state: FAIL
// cause: the first dimension is left out
Strides strides = Dims::filled(shape.rank(), 1);
for (int i = shape.rank() - 2; i > 0; --i)
  strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
return strides;
