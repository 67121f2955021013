// task: 2.9
// test: initialisation.of_the_weight
// state: FAIL
// cause: another rule
const double bound = std::sqrt(6 / static_cast<double>(weight.size(1)));
init::uniform_(weight, -bound, bound);
if (bias.defined()) init::uniform_(bias, -bound, bound);
