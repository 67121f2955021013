// task: 4.5
// test: checkpoint.keeps_no_inner_values
// state: FAIL
// cause: the first run was recorded
return fn(x);
