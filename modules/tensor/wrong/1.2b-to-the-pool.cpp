// task: 1.2
// region: 1.2b
// test: holders.a_freed_small_block_stays_with_its_thread
// state: FAIL
// cause: the freed block went elsewhere
if (block->references.load(std::memory_order_acquire) != 1 &&
    block->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
  return;
end_use(block);
return_block(block);
