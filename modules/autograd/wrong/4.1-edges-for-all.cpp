// task: 4.1
// test: record.leaves_inputs_without_gradient_alone
// state: FAIL
// cause: requires no gradient
for (size_t i = 0; i < inputs.size(); ++i) {
  const Tensor& x = *inputs[i];
  if (!x.defined()) continue;
  Edge& edge = node->edges[static_cast<int>(i)];
  edge.node = Ref<Node>(GraphAccess::gradient_node(x));
  edge.input = x.base()->output_nr;
}
for (size_t i = 0; i < outputs.size(); ++i)
  GraphAccess::set_node(outputs[i]->base(), node, static_cast<uint32_t>(i));
