// task: 4.3
// test: accumulate.adds_the_gradients_of_all_uses
// state: FAIL
// cause: one of the two gradients is lost
(void)create_graph;
slot = std::move(g);
