// task: 2.11
// region: 2.11b
// test: mlp.lets_gradients_through
// state: FAIL
// cause: the graph is cut between
Tensor y = Sequential::forward(x.dim() > 2 ? x.flatten(1) : x).detach();
y.set_requires_grad();
return y;
