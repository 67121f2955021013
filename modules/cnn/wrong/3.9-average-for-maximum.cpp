// task: 3.9
// region: 3.9b
// test: pool_layers.take_the_maximum_and_the_average
// state: FAIL
// cause: this is the average
return avg_pool2d(x, options_);
