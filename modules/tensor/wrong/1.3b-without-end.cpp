// task: 1.3
// region: 1.3b
// test: reuse.no_more_than_its_room
// state: FAIL
// cause: collect blocks without end
const int size_class = block->size_class;
if (size_class >= kSmallClasses) return false;
FreeStack& stack = t_free.of_class[size_class];
if (stack.room == 0) return make_room() && keep_free_block(block);
block->next = stack.top;
stack.top = block;
return true;
