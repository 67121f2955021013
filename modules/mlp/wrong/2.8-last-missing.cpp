// task: 2.8
// test: sequential.runs_the_children_in_order
// state: FAIL
// cause: the last child is left out
Tensor out = x;
const auto list = children();
for (size_t i = 0; i + 1 < list.size(); ++i) out = (*list[i].second)(out);
return out;
