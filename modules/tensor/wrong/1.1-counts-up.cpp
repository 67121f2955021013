// task: 1.1
// test: allocate.is_held_once
// state: FAIL
// cause: left over from the block's former life
const int size_class = size_class_of(bytes);
Block* block = take_free_block(size_class);
if (!block) block = new_block(size_class);
block->references.fetch_add(1, std::memory_order_relaxed);
block->version.store(0, std::memory_order_relaxed);
begin_use(block, bytes);
return block;
