// task: 1.3
// region: 1.3b
// test: reuse.classes_stay_apart
// state: FAIL
// cause: a stack of its own
const int size_class = block->size_class;
if (size_class >= kSmallClasses) return false;
FreeStack& stack = t_free.of_class[3];
if (stack.room == 0) return make_room() && keep_free_block(block);
block->next = stack.top;
stack.top = block;
--stack.room;
return true;
