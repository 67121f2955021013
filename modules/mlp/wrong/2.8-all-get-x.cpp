// task: 2.8
// test: sequential.runs_the_children_in_order
// state: FAIL
// cause: every child gets x
Tensor out = x;
for (const auto& [name, child] : children()) out = (*child)(x);
return out;
