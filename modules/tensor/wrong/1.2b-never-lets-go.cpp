// task: 1.2
// region: 1.2b
// test: holders.are_counted
// state: FAIL
// cause: takes its holder off the count
if (block->references.load(std::memory_order_acquire) != 1) return;
end_use(block);
if (!keep_free_block(block)) return_block(block);
