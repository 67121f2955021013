// task: 1.12
// region: 1.12b
// test: max.over_any_dimension
// state: FAIL
// cause: the search begins with 0
T best = 0;
int64_t at = 0;
for (int64_t r = 0; r < a.count; ++r)
  if (!(x[r * a.x_count] <= best)) best = x[r * a.x_count], at = r;
a.y[k] = best;
if (a.index) a.index[k] = at;
