// task: 2.6
// region: 2.6b
// test: registration.tells_a_child_its_name
// state: FAIL
// cause: name_ is not set
children_.emplace_back(name, std::move(module));
