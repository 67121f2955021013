// task: 2.9
// test: initialisation.of_the_weight
// state: FAIL
// cause: that of out_features
const double bound = 1 / std::sqrt(static_cast<double>(weight.size(0)));
init::uniform_(weight, -bound, bound);
if (bias.defined()) init::uniform_(bias, -bound, bound);
