// task: 1.7
// region: 1.7a
// test: permute.names_the_same_elements
// state: FAIL
// cause: nothing was permuted
static_cast<void>(dims);
return x;
