// task: 2.7
// region: 2.7a
// test: tree.names_every_parameter_by_its_path
// state: FAIL
// cause: the children are not visited
visitor(path, *this);
