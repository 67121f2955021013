// task: 4.7
// region: 4.7a
// test: broadcast.expand_adds_up
// state: FAIL
// cause: the mean was taken
if (g.shape() == x) return g;
const int added = g.dim() - x.rank();
int64_t dims[kMaxDims];
size_t count = 0;
for (int d = 0; d < g.dim(); ++d)
  if (d < added || (x[d - added] == 1 && g.shape()[d] != 1)) dims[count++] = d;
if (count == 0) return g.reshape(x);
return tinytorch::mean(g, {dims, count}, true).reshape(x);
