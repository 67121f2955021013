// task: 4.7
// region: 4.7e
// test: broadcast.view_sends_a_view
// state: FAIL
// cause: the gradient of view was copied
return g.clone().reshape(x);
