// task: 3.8
// region: 3.8a
// test: conv_parameters.are_registered
// state: FAIL
// cause: ask for none
weight = register_parameter("weight", empty({out, in / o.groups, kernel, kernel}));
bias = register_parameter("bias", empty({out}));
