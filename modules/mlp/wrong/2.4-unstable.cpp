// task: 2.4
// test: softmax.of_huge_and_tiny_logits
// state: FAIL
// cause: exp(x) overflows
T sum = 0;
for (int64_t c = 0; c < cols; ++c) {
  y[c] = std::exp(x[c]);
  sum += y[c];
}
for (int64_t c = 0; c < cols; ++c) y[c] /= sum;
