// task: 1.7
// region: 1.7b
// test: narrow.keeps_a_run_of_indices
// state: FAIL
// cause: the view begins at index 0
Layout out = x;
static_cast<void>(start);
out.shape[dim] = length;
out.strides[dim] *= step;
return out;
