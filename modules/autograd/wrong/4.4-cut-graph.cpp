// task: 4.4
// test: run.sends_gradients_on
// state: FAIL
// cause: its results went nowhere
node->run(context);
for (Tensor& g : node->grads) g = Tensor();
if (!retain_graph) node->release_saved();
