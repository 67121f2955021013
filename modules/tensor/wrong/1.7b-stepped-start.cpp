// task: 1.7
// region: 1.7b
// test: narrow.with_a_step
// state: FAIL
// cause: it counts indices of x
Layout out = x;
out.shape[dim] = length;
out.strides[dim] *= step;
out.offset += start * out.strides[dim];
return out;
