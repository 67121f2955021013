// task: 2.7
// region: 2.7c
// test: tree.sets_the_mode_of_every_module
// state: FAIL
// cause: the children keep their mode
training_ = on;
