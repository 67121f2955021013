// task: 2.5
// test: cross_entropy.of_an_impossible_class_elsewhere
// state: FAIL
// cause: 0 times infinity
T max = x[0];
for (int64_t c = 1; c < classes; ++c)
  if (x[c] > max) max = x[c];
T sum = 0, logits = 0;
for (int64_t c = 0; c < classes; ++c) {
  sum += std::exp(x[c] - max);
  logits += x[c] - max;
}
*max_out = max;
*sum_out = sum;
const T loss = std::log(sum) - (x[target] - max);
return (1 - smoothing) * loss + smoothing * (std::log(sum) - logits / static_cast<T>(classes));
