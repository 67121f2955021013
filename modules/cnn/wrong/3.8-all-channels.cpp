// task: 3.8
// region: 3.8a
// test: conv_parameters.have_the_shapes_of_the_kernel
// state: FAIL
// cause: the channels of its group only
weight = register_parameter("weight", empty({out, in, kernel, kernel}));
bias = register_parameter("bias", o.bias ? empty({out}) : Tensor());
