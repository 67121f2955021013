// task: 3.9
// region: 3.9a
// test: conv_layer.uses_its_options
// state: FAIL
// cause: does not fit
return conv2d(x, weight, bias, {}, activation);
