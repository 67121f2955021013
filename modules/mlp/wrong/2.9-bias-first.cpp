// task: 2.9
// test: initialisation.draws_the_weight_first
// state: FAIL
// cause: the bias is drawn before
const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
if (bias.defined()) init::uniform_(bias, -bound, bound);
init::uniform_(weight, -bound, bound);
