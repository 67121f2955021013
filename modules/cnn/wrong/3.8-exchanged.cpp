// task: 3.8
// region: 3.8a
// test: conv_parameters.have_the_shapes_of_the_kernel
// state: FAIL
// cause: are exchanged
weight = register_parameter("weight", empty({in, out / o.groups, kernel, kernel}));
bias = register_parameter("bias", o.bias ? empty({out}) : Tensor());
