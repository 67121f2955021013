// task: 1.2
// region: 1.2a
// test: holders.are_counted
// state: FAIL
// cause: more than once
block->references.fetch_add(2, std::memory_order_relaxed);
