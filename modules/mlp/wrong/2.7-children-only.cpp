// task: 2.7
// region: 2.7a
// test: tree.names_every_parameter_by_its_path
// state: FAIL
// cause: visit must call itself
visitor(path, *this);
for (const auto& [name, child] : children_) visitor(join(path, name), *child);
