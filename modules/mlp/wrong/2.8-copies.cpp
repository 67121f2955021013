// task: 2.8
// test: sequential.copies_nothing
// state: FAIL
// cause: the input is copied
Tensor out = x.clone();
for (const auto& [name, child] : children()) out = (*child)(out);
return out;
