// task: 4.7
// region: 4.7d
// test: broadcast.sum_sends_a_view
// state: FAIL
// cause: was written out
Tensor with_dims = g;
if (!keepdim)
  for (const int d : dims) with_dims = with_dims.unsqueeze(d);
return with_dims.expand(x).contiguous();
