// task: 1.7
// region: 1.7c
// test: expand.repeats_without_memory
// state: FAIL
// cause: memory that x does not have
return {shape, contiguous_strides(shape), x.offset};
