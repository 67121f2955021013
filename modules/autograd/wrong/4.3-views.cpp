// task: 4.3
// test: accumulate.sees_views_of_the_same_memory
// state: FAIL
// cause: a view of it is another handle
if (!slot.defined()) {
  slot = std::move(g);
} else if (!create_graph && slot.use_count() == 1 && slot.is_dense()) {
  slot.add_(g);
} else {
  slot = slot + g;
}
