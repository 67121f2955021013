// task: 2.6
// region: 2.6a
// test: registration.keeps_the_tensor_itself
// state: FAIL
// cause: the tensor is copied
value.set_requires_grad();
Tensor copy = value.detach().clone();
copy.set_requires_grad();
parameters_.emplace_back(name, copy);
return value;
