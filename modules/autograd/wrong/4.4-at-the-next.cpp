// task: 4.4
// test: run.memory_falls_on_the_way
// state: FAIL
// cause: released too late
static std::vector<Ref<Node>> ran;
static uint64_t walk = 0;
if (walk != node->visited) {
  for (Ref<Node>& each : ran) each->release_saved();
  ran.clear();
  walk = node->visited;
}
if (!retain_graph) ran.emplace_back(node);

node->run(context);
for (Tensor& g : node->grads) g = Tensor();
for (int i = 0; i < results.size(); ++i) {
  const Edge& edge = node->edges[i];
  if (edge.node && results[i].defined())
    add_gradient(edge.node->grads[static_cast<int>(edge.input)], std::move(results[i]),
                 create_graph);
}
