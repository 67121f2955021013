// task: 3.9
// region: 3.9a
// test: conv_layer.with_an_activation
// state: FAIL
// cause: the activation is left out
static_cast<void>(activation);
return conv2d(x, weight, bias, options_);
