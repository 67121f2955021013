// task: 1.12
// region: 1.12b
// test: max.over_any_dimension
// state: FAIL
// cause: only the first term
a.y[k] = x[0];
if (a.index) a.index[k] = 0;
