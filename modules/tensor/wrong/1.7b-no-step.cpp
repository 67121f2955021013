// task: 1.7
// region: 1.7b
// test: narrow.with_a_step
// state: FAIL
// cause: the step is ignored
Layout out = x;
out.offset += start * x.strides[dim];
out.shape[dim] = length;
static_cast<void>(step);
return out;
