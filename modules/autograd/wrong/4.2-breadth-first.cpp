// task: 4.2
// test: order.waits_for_the_long_way
// state: FAIL
// cause: when the short way had reached it
const uint64_t walk = g_walks.fetch_add(1) + 1;
std::vector<Node*> order;
for (Node* root : roots) {
  if (root->visited == walk) continue;
  root->visited = walk;
  order.push_back(root);
}
for (size_t i = 0; i < order.size(); ++i) {
  Node* node = order[i];
  for (Edge& edge : node->edges) {
    Node* child = edge.node.get();
    if (!child || child->visited == walk) continue;
    child->visited = walk;
    order.push_back(child);
  }
}
return order;
