// task: 4.7
// region: 4.7e
// test: broadcast.view_of_a_strided_gradient
// state: FAIL
// cause: memory was taken for its values
return alias(g, {x, contiguous_strides(x), g.storage_offset()});
