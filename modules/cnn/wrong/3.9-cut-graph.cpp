// task: 3.9
// region: 3.9a
// test: conv_layer.lets_gradients_through
// state: FAIL
// cause: the graph is cut
return conv2d(x, weight.detach(), bias, options_, activation);
