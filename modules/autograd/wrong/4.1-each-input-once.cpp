// task: 4.1
// test: record.counts_each_use_of_one_input
// state: FAIL
// cause: an edge each time
for (size_t i = 0; i < inputs.size(); ++i) {
  const Tensor& x = *inputs[i];
  if (!x.requires_grad()) continue;
  if (i > 0 && x.is_same(*inputs[i - 1])) continue;
  Edge& edge = node->edges[static_cast<int>(i)];
  edge.node = Ref<Node>(GraphAccess::gradient_node(x));
  edge.input = x.base()->output_nr;
}
for (size_t i = 0; i < outputs.size(); ++i)
  GraphAccess::set_node(outputs[i]->base(), node, static_cast<uint32_t>(i));
