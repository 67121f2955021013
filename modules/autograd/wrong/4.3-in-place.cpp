// task: 4.3
// test: accumulate.leaves_shared_memory_alone
// state: FAIL
// cause: holds the same memory
(void)create_graph;
if (!slot.defined())
  slot = std::move(g);
else
  slot.add_(g);
