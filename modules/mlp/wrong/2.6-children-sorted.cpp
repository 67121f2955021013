// task: 2.6
// region: 2.6b
// test: registration.keeps_children_in_order
// state: FAIL
// cause: goes to the front
module->name_ = name;
children_.insert(children_.begin(), {name, std::move(module)});
