// task: 4.4
// test: run.holds_two_gradients_at_a_time
// state: FAIL
// cause: a node keeps its gradients
node->run(context);
if (!retain_graph) node->release_saved();
for (int i = 0; i < results.size(); ++i) {
  const Edge& edge = node->edges[i];
  if (edge.node && results[i].defined())
    add_gradient(edge.node->grads[static_cast<int>(edge.input)], std::move(results[i]),
                 create_graph);
}
