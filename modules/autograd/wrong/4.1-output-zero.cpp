// task: 4.1
// test: record.numbers_the_outputs
// state: FAIL
// cause: every output was recorded as output 0
for (size_t i = 0; i < inputs.size(); ++i) {
  const Tensor& x = *inputs[i];
  if (!x.requires_grad()) continue;
  Edge& edge = node->edges[static_cast<int>(i)];
  edge.node = Ref<Node>(GraphAccess::gradient_node(x));
  edge.input = x.base()->output_nr;
}
for (size_t i = 0; i < outputs.size(); ++i) GraphAccess::set_node(outputs[i]->base(), node, 0);
