// task: 4.7
// region: 4.7b
// test: broadcast.add_of_two_shapes
// state: FAIL
// cause: add passed the gradient on
(void)x;
return g;
