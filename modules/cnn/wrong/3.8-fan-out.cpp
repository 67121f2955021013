// task: 3.8
// region: 3.8b
// test: conv_parameters.of_the_weight
// state: FAIL
// cause: this is fan_out
const double bound = 1 / std::sqrt(static_cast<double>(init::fan_out(weight)));
init::uniform_(weight, -bound, bound);
if (bias.defined()) init::uniform_(bias, -bound, bound);
