// task: 2.10
// test: linear.with_an_activation
// state: FAIL
// cause: the activation is left out
static_cast<void>(activation);
return linear(x, weight, bias);
