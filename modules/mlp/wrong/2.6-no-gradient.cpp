// task: 2.6
// region: 2.6a
// test: registration.makes_it_a_leaf_that_wants_a_gradient
// state: FAIL
// cause: set_requires_grad() is missing
parameters_.emplace_back(name, value);
return value;
