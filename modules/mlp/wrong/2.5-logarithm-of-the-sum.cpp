// task: 2.5
// test: cross_entropy.gives_maximum_and_sum
// state: FAIL
// cause: not its logarithm
T max = x[0];
for (int64_t c = 1; c < classes; ++c)
  if (x[c] > max) max = x[c];
T sum = 0;
for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - max);
*max_out = max;
*sum_out = std::log(sum);
T all = 0;
for (int64_t c = 0; c < classes; ++c) all += std::log(sum) - (x[c] - max);
const T loss = std::log(sum) - (x[target] - max);
if (smoothing == 0) return loss;
return (1 - smoothing) * loss + smoothing * all / static_cast<T>(classes);
