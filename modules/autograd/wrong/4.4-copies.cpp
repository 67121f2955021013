// task: 4.4
// test: run.copies_nothing
// state: FAIL
// cause: copied on their way
node->run(context);
for (Tensor& g : node->grads) g = Tensor();
if (!retain_graph) node->release_saved();
for (int i = 0; i < results.size(); ++i) {
  const Edge& edge = node->edges[i];
  if (edge.node && results[i].defined())
    add_gradient(edge.node->grads[static_cast<int>(edge.input)], results[i].clone(), create_graph);
}
