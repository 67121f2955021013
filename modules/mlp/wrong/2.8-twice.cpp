// task: 2.8
// test: sequential.calls_every_child_once
// state: FAIL
// cause: runs twice
if (children().empty()) return x;
Tensor out = (*children()[0].second)(x);
out = x;
for (const auto& [name, child] : children()) out = (*child)(out);
return out;
