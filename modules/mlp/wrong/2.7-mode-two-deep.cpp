// task: 2.7
// region: 2.7c
// test: tree.sets_the_mode_of_every_module
// state: FAIL
// cause: below the children
training_ = on;
for (const auto& [name, child] : children_) child->training_ = on;
