// task: 4.2
// test: order.is_found_anew_each_time
// state: FAIL
// cause: kept the second one out
const uint64_t walk = 1;
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
}
std::reverse(order.begin(), order.end());
return order;
