// task: 2.8
// test: sequential.runs_the_children_in_order
// state: FAIL
// cause: x itself is given back
return x;
