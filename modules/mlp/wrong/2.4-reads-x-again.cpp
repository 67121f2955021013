// task: 2.4
// test: softmax.in_place
// state: FAIL
// cause: y may be x
T max = x[0];
for (int64_t c = 1; c < cols; ++c)
  if (x[c] > max) max = x[c];
T sum = 0;
for (int64_t c = 0; c < cols; ++c) {
  y[c] = std::exp(x[c] - max);
  sum += y[c];
}
for (int64_t c = 0; c < cols; ++c) y[c] = std::exp(x[c] - max) / sum;
