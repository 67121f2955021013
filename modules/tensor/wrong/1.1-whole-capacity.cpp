// task: 1.1
// test: allocate.a_block_of_the_asked_size
// state: FAIL
// cause: not the block's capacity
const int size_class = size_class_of(bytes);
Block* block = take_free_block(size_class);
if (!block) block = new_block(size_class);
block->references.store(1, std::memory_order_relaxed);
block->version.store(0, std::memory_order_relaxed);
begin_use(block, block->capacity);
return block;
