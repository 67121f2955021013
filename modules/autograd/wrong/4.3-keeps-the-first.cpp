// task: 4.3
// test: accumulate.adds_the_gradients_of_all_uses
// state: FAIL
// cause: what arrives later is dropped
(void)create_graph;
if (!slot.defined()) slot = std::move(g);
