// task: 1.3
// region: 1.3a
// test: reuse.large_blocks_are_not_kept
// state: CRASH
// cause: out of bounds
FreeStack& stack = t_free.of_class[size_class];
Block* block = stack.top;
if (block) {
  stack.top = block->next;
  ++stack.room;
}
return block;
