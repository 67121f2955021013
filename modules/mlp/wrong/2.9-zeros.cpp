// task: 2.9
// test: initialisation.of_the_weight
// state: FAIL
// cause: nothing is drawn
weight.detach().zero_();
if (bias.defined()) bias.detach().zero_();
