// task: 4.3
// test: accumulate.adds_in_place_where_it_may
// state: FAIL
// cause: each sum is a new tensor
(void)create_graph;
slot = slot.defined() ? slot + g : std::move(g);
