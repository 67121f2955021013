// task: 1.12
// region: 1.12a
// test: sum.of_integers_is_exact
// state: FAIL
// cause: 53 bits
double total = 0;
for (int64_t r = 0; r < a.count; ++r) total += static_cast<double>(x[r * a.x_count]);
a.y[k] = static_cast<T>(total);
