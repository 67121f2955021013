// task: 4.2
// test: order.needs_no_stack_for_a_long_chain
// state: CRASH
// cause: stack-overflow
const uint64_t walk = g_walks.fetch_add(1) + 1;
std::vector<Node*> order;
struct Walk {
  uint64_t number;
  std::vector<Node*>& order;
  void visit(Node* node) {
    if (!node || node->visited == number) return;
    node->visited = number;
    for (Edge& edge : node->edges) visit(edge.node.get());
    order.push_back(node);
  }
};
Walk all{walk, order};
for (Node* root : roots) all.visit(root);
std::reverse(order.begin(), order.end());
return order;
