// task: 2.4
// test: softmax.of_huge_and_tiny_logits
// state: FAIL
// cause: the maximum starts at 0
T max = 0;
for (int64_t c = 0; c < cols; ++c)
  if (x[c] > max) max = x[c];
T sum = 0;
for (int64_t c = 0; c < cols; ++c) {
  y[c] = std::exp(x[c] - max);
  sum += y[c];
}
for (int64_t c = 0; c < cols; ++c) y[c] /= sum;
