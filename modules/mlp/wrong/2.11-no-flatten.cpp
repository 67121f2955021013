// task: 2.11
// region: 2.11b
// test: mlp.flattens_images
// state: FAIL
// cause: flatten the input first
return Sequential::forward(x);
