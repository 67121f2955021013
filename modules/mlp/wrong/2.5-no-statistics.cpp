// task: 2.5
// test: cross_entropy.gives_maximum_and_sum
// state: FAIL
// cause: are not set
T max = x[0];
for (int64_t c = 1; c < classes; ++c)
  if (x[c] > max) max = x[c];
T sum = 0;
for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - max);
static_cast<void>(smoothing), static_cast<void>(max_out), static_cast<void>(sum_out);
return std::log(sum) - (x[target] - max);
