// task: 1.12
// region: 1.12b
// test: max.without_an_index
// state: CRASH
// cause: SEGV
int64_t best = 0;
for (int64_t r = 1; r < a.count; ++r) {
  const T value = x[r * a.x_count], so_far = x[best * a.x_count];
  const bool so_far_is_nan = so_far != so_far;
  if (!so_far_is_nan && !(value <= so_far)) best = r;
}
a.y[k] = x[best * a.x_count];
a.index[k] = best;
