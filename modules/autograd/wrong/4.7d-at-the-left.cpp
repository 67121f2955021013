// task: 4.7
// region: 4.7d
// test: broadcast.sum_spreads
// state: FAIL
// cause: expand alone puts it at the left
(void)dims;
(void)keepdim;
return g.expand(x);
