// task: 2.6
// region: 2.6b
// test: registration.keeps_children_in_order
// state: FAIL
// cause: only the last child
module->name_ = name;
children_.clear();
children_.emplace_back(name, std::move(module));
