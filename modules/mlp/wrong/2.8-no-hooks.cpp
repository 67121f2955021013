// task: 2.8
// test: sequential.runs_hooks
// state: FAIL
// cause: forward is called directly
Tensor out = x;
for (const auto& [name, child] : children()) out = child->forward(out);
return out;
