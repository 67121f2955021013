// task: 4.1
// test: record.keeps_the_graph_alive
// state: CRASH
// cause: heap-use-after-free
for (size_t i = 0; i < inputs.size(); ++i) {
  const Tensor& x = *inputs[i];
  if (!x.requires_grad()) continue;
  Edge& edge = node->edges[static_cast<int>(i)];
  edge.node = Ref<Node>::adopt(GraphAccess::gradient_node(x));
  edge.input = x.base()->output_nr;
}
for (size_t i = 0; i < outputs.size(); ++i)
  GraphAccess::set_node(outputs[i]->base(), node, static_cast<uint32_t>(i));
