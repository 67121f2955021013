// task: 4.7
// region: 4.7c
// test: broadcast.mul_of_two_shapes
// state: FAIL
// cause: raised an error
return expand(g, x) * other;
