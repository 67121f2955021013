// task: 1.3
// region: 1.3b
// test: reuse.each_thread_has_its_own
// state: FAIL
// cause: no room until make_room gives it
const int size_class = block->size_class;
if (size_class >= kSmallClasses) return false;
FreeStack& stack = t_free.of_class[size_class];
if (stack.room == 0) return false;
block->next = stack.top;
stack.top = block;
--stack.room;
return true;
