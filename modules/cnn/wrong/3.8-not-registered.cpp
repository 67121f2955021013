// task: 3.8
// region: 3.8a
// test: conv_parameters.are_registered
// state: FAIL
// cause: trained or saved
weight = empty({out, in / o.groups, kernel, kernel});
if (o.bias) bias = empty({out});
