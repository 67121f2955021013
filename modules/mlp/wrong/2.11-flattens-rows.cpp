// task: 2.11
// region: 2.11b
// test: mlp.takes_one_row_without_a_batch
// state: FAIL
// cause: nothing to flatten
return Sequential::forward(x.dim() == 1 ? x.unsqueeze(0) : x.flatten(1));
