// task: 1.7
// region: 1.7c
// test: expand.adds_dimensions_at_the_left
// state: FAIL
// cause: the offset was lost
Layout out{shape, Dims::filled(shape.rank(), 0), 0};
const int extra = shape.rank() - x.shape.rank();
for (int i = 0; i < x.shape.rank(); ++i)
  if (x.shape[i] == shape[i + extra]) out.strides[i + extra] = x.strides[i];
return out;
