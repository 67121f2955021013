// task: 1.1
// test: allocate.is_counted
// state: FAIL
// cause: keeps the statistics
const int size_class = size_class_of(bytes);
Block* block = take_free_block(size_class);
if (!block) block = new_block(size_class);
block->references.store(1, std::memory_order_relaxed);
block->version.store(0, std::memory_order_relaxed);
block->bytes = bytes;
return block;
