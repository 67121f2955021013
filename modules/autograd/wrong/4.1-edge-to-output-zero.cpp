// task: 4.1
// test: record.knows_which_output_an_input_was
// state: FAIL
// cause: output 0 of the input
for (size_t i = 0; i < inputs.size(); ++i) {
  const Tensor& x = *inputs[i];
  if (!x.requires_grad()) continue;
  Edge& edge = node->edges[static_cast<int>(i)];
  edge.node = Ref<Node>(GraphAccess::gradient_node(x));
}
for (size_t i = 0; i < outputs.size(); ++i)
  GraphAccess::set_node(outputs[i]->base(), node, static_cast<uint32_t>(i));
