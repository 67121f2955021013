// task: 4.7
// region: 4.7c
// test: broadcast.mul_of_two_shapes
// state: FAIL
// cause: not multiplied by the other factor
(void)other;
return expand(g, x);
