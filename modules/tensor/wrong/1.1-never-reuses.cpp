// task: 1.1
// test: allocate.takes_a_free_block_first
// state: FAIL
// cause: without a look at the free blocks
const int size_class = size_class_of(bytes);
Block* block = new_block(size_class);
block->references.store(1, std::memory_order_relaxed);
block->version.store(0, std::memory_order_relaxed);
begin_use(block, bytes);
return block;
