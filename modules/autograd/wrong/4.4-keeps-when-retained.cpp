// task: 4.4
// test: run.keeps_saved_values_when_asked_to
// state: FAIL
// cause: the slots were not emptied
node->run(context);
if (!retain_graph) {
  for (Tensor& g : node->grads) g = Tensor();
  node->release_saved();
}
for (int i = 0; i < results.size(); ++i) {
  const Edge& edge = node->edges[i];
  if (edge.node && results[i].defined())
    add_gradient(edge.node->grads[static_cast<int>(edge.input)], std::move(results[i]),
                 create_graph);
}
