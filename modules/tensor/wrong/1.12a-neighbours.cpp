// task: 1.12
// region: 1.12a
// test: sum.over_any_dimension
// state: FAIL
// cause: they are x_count apart
Accumulator<T> total = 0;
for (int64_t r = 0; r < a.count; ++r) total += x[r];
a.y[k] = static_cast<T>(total);
