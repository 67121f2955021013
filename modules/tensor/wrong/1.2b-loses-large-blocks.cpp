// task: 1.2
// region: 1.2b
// test: holders.a_freed_large_block_returns_to_the_pool
// state: FAIL
// cause: large blocks are lost
if (block->references.load(std::memory_order_acquire) != 1 &&
    block->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
  return;
end_use(block);
keep_free_block(block);
