// task: 3.8
// region: 3.8b
// test: conv_parameters.of_the_weight
// state: FAIL
// cause: another rule
init::kaiming_uniform_(weight);
if (bias.defined()) init::uniform_(bias, -0.1, 0.1);
