// task: 1.5
// test: contiguous_strides.of_three_dimensions
// state: FAIL
// cause: column-major
Strides strides = Dims::filled(shape.rank(), 1);
for (int i = 1; i < shape.rank(); ++i)
  strides[i] = strides[i - 1] * std::max<int64_t>(shape[i - 1], 1);
return strides;
