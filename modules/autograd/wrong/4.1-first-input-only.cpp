// task: 4.1
// test: record.ties_a_result_to_its_inputs
// state: FAIL
// cause: only the first input has an edge
for (size_t i = 0; i < inputs.size() && i < 1; ++i) {
  const Tensor& x = *inputs[i];
  if (!x.requires_grad()) continue;
  Edge& edge = node->edges[static_cast<int>(i)];
  edge.node = Ref<Node>(GraphAccess::gradient_node(x));
  edge.input = x.base()->output_nr;
}
for (size_t i = 0; i < outputs.size(); ++i)
  GraphAccess::set_node(outputs[i]->base(), node, static_cast<uint32_t>(i));
