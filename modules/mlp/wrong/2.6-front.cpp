// task: 2.6
// region: 2.6a
// test: registration.keeps_parameters_in_order
// state: FAIL
// cause: goes to the front
value.set_requires_grad();
parameters_.insert(parameters_.begin(), {name, value});
return value;
