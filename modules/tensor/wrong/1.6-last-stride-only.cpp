// task: 1.6
// test: contiguous.not_with_gaps
// state: FAIL
// cause: a gap between rows
return shape.rank() == 0 || strides[shape.rank() - 1] == 1;
