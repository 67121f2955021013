// task: 1.3
// region: 1.3a
// test: reuse.the_last_freed_comes_first
// state: FAIL
// cause: blocks are lost
static_cast<void>(size_class);
return nullptr;
