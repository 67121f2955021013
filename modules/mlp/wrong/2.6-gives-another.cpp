// task: 2.6
// region: 2.6a
// test: registration.keeps_the_tensor_itself
// state: FAIL
// cause: a copy is given back
value.set_requires_grad();
parameters_.emplace_back(name, value);
return value.detach();
