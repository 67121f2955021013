// task: 1.2
// region: 1.2b
// test: holders.on_several_threads
// state: FAIL
// cause: release loses updates
const int64_t left = block->references.load() - 1;
block->references.store(left);
if (left > 0) return;
end_use(block);
if (!keep_free_block(block)) return_block(block);
