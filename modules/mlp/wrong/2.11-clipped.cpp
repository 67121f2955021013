// task: 2.11
// region: 2.11b
// test: mlp.computes_what_its_layers_say
// state: FAIL
// cause: the logits are clipped
return Sequential::forward(x.dim() > 2 ? x.flatten(1) : x).relu();
