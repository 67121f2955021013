// task: 3.9
// region: 3.9c
// test: pool_layers.use_their_options
// state: FAIL
// cause: stride and padding must reach
return avg_pool2d(x);
