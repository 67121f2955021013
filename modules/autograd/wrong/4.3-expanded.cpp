// task: 4.3
// test: accumulate.adds_to_no_expanded_memory
// state: FAIL
// cause: lie in one place, so it cannot be changed in place
if (!slot.defined()) {
  slot = std::move(g);
} else if (!create_graph && slot.use_count() == 1 && slot.storage().use_count() == 1) {
  slot.add_(g);
} else {
  slot = slot + g;
}
