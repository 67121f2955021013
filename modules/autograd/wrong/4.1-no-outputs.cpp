// task: 4.1
// test: record.ties_a_result_to_its_inputs
// state: FAIL
// cause: was not given its node
(void)outputs;
for (size_t i = 0; i < inputs.size(); ++i) {
  const Tensor& x = *inputs[i];
  if (!x.requires_grad()) continue;
  Edge& edge = node->edges[static_cast<int>(i)];
  edge.node = Ref<Node>(GraphAccess::gradient_node(x));
  edge.input = x.base()->output_nr;
}
