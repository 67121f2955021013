// task: 2.8
// test: sequential.runs_the_children_in_order
// state: FAIL
// cause: in reverse
Tensor out = x;
const auto list = children();
for (size_t i = list.size(); i-- > 0;) out = (*list[i].second)(out);
return out;
