// task: 1.2
// region: 1.2b
// test: holders.the_last_one_frees
// state: FAIL
// cause: a leak: nobody ends the use
block->references.fetch_sub(1, std::memory_order_acq_rel);
