// task: 4.4
// test: run.sends_to_the_slot_of_its_edge
// state: FAIL
// cause: not to slot edge.input
node->run(context);
for (Tensor& g : node->grads) g = Tensor();
if (!retain_graph) node->release_saved();
for (int i = 0; i < results.size(); ++i) {
  const Edge& edge = node->edges[i];
  if (edge.node && results[i].defined())
    add_gradient(edge.node->grads[0], std::move(results[i]), create_graph);
}
