// task: 1.1
// test: allocate.a_reused_block_starts_anew
// state: FAIL
// cause: the version is of the block's former life
const int size_class = size_class_of(bytes);
Block* block = take_free_block(size_class);
if (!block) block = new_block(size_class);
block->references.store(1, std::memory_order_relaxed);
begin_use(block, bytes);
return block;
