// task: 1.7
// region: 1.7b
// test: narrow.keeps_a_run_of_indices
// state: FAIL
// cause: one index along dim is strides[dim] elements
Layout out = x;
out.offset += start;
out.shape[dim] = length;
out.strides[dim] *= step;
return out;
