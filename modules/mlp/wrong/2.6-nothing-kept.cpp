// task: 2.6
// region: 2.6a
// test: registration.keeps_parameters_in_order
// state: FAIL
// cause: nothing is kept
value.set_requires_grad();
return value;
