// task: 1.12
// region: 1.12b
// test: max.tells_the_first_of_equals
// state: FAIL
// cause: the last of equals was taken
int64_t best = 0;
for (int64_t r = 1; r < a.count; ++r) {
  const T value = x[r * a.x_count], so_far = x[best * a.x_count];
  const bool so_far_is_nan = so_far != so_far;
  if (!so_far_is_nan && !(value < so_far)) best = r;
}
a.y[k] = x[best * a.x_count];
if (a.index) a.index[k] = best;
