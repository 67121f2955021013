// task: 3.9
// region: 3.9a
// test: conv_layer.uses_its_options
// state: FAIL
// cause: the bias is not passed on
return conv2d(x, weight, {}, options_, activation);
