// task: 1.8
// test: reshape.across_runs_needs_a_copy
// state: FAIL
// cause: contiguous strides were given
return Layout{shape, contiguous_strides(shape), x.offset};
