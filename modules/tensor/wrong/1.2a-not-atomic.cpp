// task: 1.2
// region: 1.2a
// test: holders.on_several_threads
// state: FAIL
// cause: retain loses updates
block->references.store(block->references.load() + 1);
