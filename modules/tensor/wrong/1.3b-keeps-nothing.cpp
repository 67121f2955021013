// task: 1.3
// region: 1.3b
// test: reuse.the_last_freed_comes_first
// state: FAIL
// cause: nothing is kept
static_cast<void>(block);
return false;
