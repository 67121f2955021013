// task: 3.8
// region: 3.8b
// test: conv_parameters.draw_the_weight_first
// state: FAIL
// cause: the bias is drawn before
const double bound = 1 / std::sqrt(static_cast<double>(init::fan_in(weight)));
if (bias.defined()) init::uniform_(bias, -bound, bound);
init::uniform_(weight, -bound, bound);
