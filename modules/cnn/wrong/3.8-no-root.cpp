// task: 3.8
// region: 3.8b
// test: conv_parameters.of_the_weight
// state: FAIL
// cause: the square root is missing
const double bound = 1 / static_cast<double>(init::fan_in(weight));
init::uniform_(weight, -bound, bound);
if (bias.defined()) init::uniform_(bias, -bound, bound);
