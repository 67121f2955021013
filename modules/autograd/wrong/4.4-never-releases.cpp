// task: 4.4
// test: run.lets_saved_values_go
// state: FAIL
// cause: saved values are never released
node->run(context);
for (Tensor& g : node->grads) g = Tensor();
(void)retain_graph;
for (int i = 0; i < results.size(); ++i) {
  const Edge& edge = node->edges[i];
  if (edge.node && results[i].defined())
    add_gradient(edge.node->grads[static_cast<int>(edge.input)], std::move(results[i]),
                 create_graph);
}
