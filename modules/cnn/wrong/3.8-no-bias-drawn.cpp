// task: 3.8
// region: 3.8b
// test: conv_parameters.of_the_bias
// state: FAIL
// cause: nothing was drawn
const double bound = 1 / std::sqrt(static_cast<double>(init::fan_in(weight)));
init::uniform_(weight, -bound, bound);
