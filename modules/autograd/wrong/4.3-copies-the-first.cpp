// task: 4.3
// test: accumulate.takes_the_first_over
// state: FAIL
// cause: the first gradient is copied
if (!slot.defined()) {
  slot = g.clone();
} else if (!create_graph && slot.use_count() == 1 && slot.storage().use_count() == 1 &&
           slot.is_dense()) {
  slot.add_(g);
} else {
  slot = slot + g;
}
