// task: 1.3
// region: 1.3a
// test: reuse.the_last_freed_comes_first
// state: FAIL
// cause: given out twice
if (size_class >= kSmallClasses) return nullptr;
FreeStack& stack = t_free.of_class[size_class];
Block* block = stack.top;
if (block) {
  ++stack.room;
}
return block;
