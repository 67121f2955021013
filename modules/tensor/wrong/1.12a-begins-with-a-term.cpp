// task: 1.12
// region: 1.12a
// test: sum.of_nothing_is_zero
// state: FAIL
// cause: a term was read where there is none
Accumulator<T> total = x[0];
for (int64_t r = 1; r < a.count; ++r) total += x[r * a.x_count];
a.y[k] = static_cast<T>(total);
