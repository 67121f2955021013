// task: 2.10
// test: linear.lets_gradients_through
// state: FAIL
// cause: the graph is cut
return linear(x, weight.detach(), bias, activation);
