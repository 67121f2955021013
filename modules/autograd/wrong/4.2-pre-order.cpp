// task: 4.2
// test: order.waits_for_the_short_way
// state: FAIL
// cause: when it was first met
const uint64_t walk = g_walks.fetch_add(1) + 1;
std::vector<Node*> order, stack;
for (size_t i = roots.size(); i-- > 0;) stack.push_back(roots[i]);
while (!stack.empty()) {
  Node* node = stack.back();
  stack.pop_back();
  if (node->visited == walk) continue;
  node->visited = walk;
  order.push_back(node);
  for (int i = node->edges.size(); i-- > 0;)
    if (node->edges[i].node) stack.push_back(node->edges[i].node.get());
}
return order;
