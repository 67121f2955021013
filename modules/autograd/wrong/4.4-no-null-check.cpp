// task: 4.4
// test: run.sends_gradients_on
// state: CRASH
// cause: SEGV
node->run(context);
for (Tensor& g : node->grads) g = Tensor();
if (!retain_graph) node->release_saved();
for (int i = 0; i < results.size(); ++i) {
  const Edge& edge = node->edges[i];
  if (edge.input < 7)
    add_gradient(edge.node->grads[static_cast<int>(edge.input)], std::move(results[i]),
                 create_graph);
}
