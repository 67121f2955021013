// task: 1.8
// test: reshape.cuts_and_merges_inside_a_run
// state: FAIL
// cause: x is not contiguous
if (!is_contiguous(x.shape, x.strides)) return std::nullopt;
return Layout{shape, contiguous_strides(shape), x.offset};
