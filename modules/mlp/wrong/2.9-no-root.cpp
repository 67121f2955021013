// task: 2.9
// test: initialisation.of_the_weight
// state: FAIL
// cause: the square root is missing
const double bound = 1 / static_cast<double>(weight.size(1));
init::uniform_(weight, -bound, bound);
if (bias.defined()) init::uniform_(bias, -bound, bound);
