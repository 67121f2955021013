// task: 1.3
// region: 1.3b
// test: reuse.the_last_freed_comes_first
// state: FAIL
// cause: the first one kept comes first
const int size_class = block->size_class;
if (size_class >= kSmallClasses) return false;
FreeStack& stack = t_free.of_class[size_class];
if (stack.room == 0) return make_room() && keep_free_block(block);
block->next = nullptr;
Block** last = &stack.top;
while (*last) last = &(*last)->next;
*last = block;
--stack.room;
return true;
