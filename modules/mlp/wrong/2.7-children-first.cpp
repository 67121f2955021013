// task: 2.7
// region: 2.7a
// test: tree.visits_every_module_once_parents_first
// state: FAIL
// cause: come before their parent
for (const auto& [name, child] : children_) child->visit(join(path, name), visitor);
visitor(path, *this);
