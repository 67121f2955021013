// task: 1.12
// region: 1.12a
// test: sum.of_many_terms_keeps_digits
// state: FAIL
// cause: the total is a float
T total = 0;
for (int64_t r = 0; r < a.count; ++r) total += x[r * a.x_count];
a.y[k] = static_cast<T>(total);
