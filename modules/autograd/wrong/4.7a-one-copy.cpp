// task: 4.7
// region: 4.7a
// test: broadcast.expand_adds_up
// state: FAIL
// cause: one copy's gradient
if (g.shape() == x) return g;
const int added = g.dim() - x.rank();
Tensor one = g;
for (int d = 0; d < g.dim(); ++d)
  if (d < added || x[d - added] == 1) one = one.narrow(d, 0, 1);
return one.reshape(x);
