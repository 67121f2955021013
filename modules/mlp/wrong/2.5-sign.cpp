// task: 2.5
// test: cross_entropy.of_ordinary_rows
// state: FAIL
// cause: the sign is wrong
T max = x[0];
for (int64_t c = 1; c < classes; ++c)
  if (x[c] > max) max = x[c];
T sum = 0;
for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - max);
*max_out = max;
*sum_out = sum;
static_cast<void>(smoothing);
return (x[target] - max) - std::log(sum);
