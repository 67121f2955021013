// task: 4.3
// test: accumulate.adds_the_gradients_of_all_uses
// state: FAIL
// cause: replaces what was there
(void)create_graph;
slot = std::move(g);
