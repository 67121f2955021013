// task: 1.7
// region: 1.7c
// test: expand.adds_dimensions_at_the_left
// state: FAIL
// cause: aligned at the left
Layout out{shape, Dims::filled(shape.rank(), 0), x.offset};
for (int i = 0; i < x.shape.rank(); ++i)
  if (x.shape[i] == shape[i]) out.strides[i] = x.strides[i];
return out;
