// task: 1.2
// region: 1.2b
// test: holders.adopted_memory_is_dropped_once
// state: FAIL
// cause: must go to return_block
if (block->references.load(std::memory_order_acquire) != 1 &&
    block->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
  return;
end_use(block);
if (!keep_free_block(block) && block->capacity > 0) return_block(block);
