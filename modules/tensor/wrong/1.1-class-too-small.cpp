// task: 1.1
// test: allocate.a_block_of_the_asked_size
// state: FAIL
// cause: the size class is too small
const int size_class = size_class_of(bytes > 0 ? bytes - 1 : 0);
Block* block = take_free_block(size_class);
if (!block) block = new_block(size_class);
block->references.store(1, std::memory_order_relaxed);
block->version.store(0, std::memory_order_relaxed);
begin_use(block, bytes);
return block;
