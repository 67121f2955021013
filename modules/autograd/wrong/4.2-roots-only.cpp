// task: 4.2
// test: order.of_several_roots
// state: FAIL
// cause: only the roots themselves
return {roots.begin(), roots.end()};
