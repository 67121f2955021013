// task: 1.12
// region: 1.12b
// test: max.of_a_nan_is_nan
// state: FAIL
// cause: a NaN must win
int64_t best = 0;
for (int64_t r = 1; r < a.count; ++r) {
  const T value = x[r * a.x_count], so_far = x[best * a.x_count];
  if (value > so_far) best = r;
}
a.y[k] = x[best * a.x_count];
if (a.index) a.index[k] = best;
