// task: 2.9
// test: initialisation.of_the_weight
// state: FAIL
// cause: no value is negative
const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
init::uniform_(weight, 0, bound);
if (bias.defined()) init::uniform_(bias, -bound, bound);
