// task: 2.9
// test: initialisation.of_the_weight
// state: FAIL
// cause: no uniform distribution
const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
init::normal_(weight, 0, bound);
if (bias.defined()) init::uniform_(bias, -bound, bound);
