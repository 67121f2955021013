// task: 4.7
// region: 4.7a
// test: broadcast.expand_adds_up
// state: FAIL
// cause: came at the left was not summed
if (g.shape() == x) return g;
const int added = g.dim() - x.rank();
Tensor one = g;
for (int d = 0; d < added; ++d) one = one.narrow(d, 0, 1);
int64_t dims[kMaxDims];
size_t count = 0;
for (int d = added; d < g.dim(); ++d)
  if (x[d - added] == 1 && g.shape()[d] != 1) dims[count++] = d;
return (count > 0 ? tinytorch::sum(one, {dims, count}, true) : one).reshape(x);
