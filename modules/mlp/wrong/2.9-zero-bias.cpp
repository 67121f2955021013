// task: 2.9
// test: initialisation.of_the_bias
// state: FAIL
// cause: nothing is drawn
const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
init::uniform_(weight, -bound, bound);
if (bias.defined()) init::constant_(bias, 0);
