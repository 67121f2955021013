// task: 1.7
// region: 1.7b
// test: narrow.of_a_view
// state: FAIL
// cause: the offset of x was overwritten
Layout out = x;
out.offset = start * x.strides[dim];
out.shape[dim] = length;
out.strides[dim] *= step;
return out;
