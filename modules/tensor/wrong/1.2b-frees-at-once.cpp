// task: 1.2
// region: 1.2b
// test: holders.the_last_one_frees
// state: FAIL
// cause: freed while it is still held
block->references.fetch_sub(1, std::memory_order_acq_rel);
end_use(block);
if (!keep_free_block(block)) return_block(block);
