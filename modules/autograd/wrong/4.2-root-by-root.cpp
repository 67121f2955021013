// task: 4.2
// test: order.of_several_roots
// state: FAIL
// cause: h was run as a root before y
const uint64_t walk = g_walks.fetch_add(1) + 1;
struct Frame {
  Node* node;
  int next_edge;
};
std::vector<Frame> stack;
std::vector<Node*> order;
for (Node* root : roots) {
  if (root->visited == walk) continue;
  root->visited = walk;
  stack.push_back({root, 0});
  const size_t first = order.size();
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.next_edge == top.node->edges.size()) {
      order.push_back(top.node);
      stack.pop_back();
      continue;
    }
    Node* child = top.node->edges[top.next_edge++].node.get();
    if (!child || child->visited == walk) continue;
    child->visited = walk;
    stack.push_back({child, 0});
  }
  std::reverse(order.begin() + static_cast<std::ptrdiff_t>(first), order.end());
}
return order;
