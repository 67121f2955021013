// task: 4.7
// region: 4.7e
// test: broadcast.view_sends_a_view
// state: FAIL
// cause: in the shape of the result
(void)x;
return g;
