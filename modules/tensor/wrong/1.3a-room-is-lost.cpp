// task: 1.3
// region: 1.3a
// test: reuse.no_more_than_its_room
// state: FAIL
// cause: does not give its room back
if (size_class >= kSmallClasses) return nullptr;
FreeStack& stack = t_free.of_class[size_class];
Block* block = stack.top;
if (block) {
  stack.top = block->next;
}
return block;
