// task: 2.4
// test: softmax.of_ordinary_rows
// state: FAIL
// cause: the sum so far
T max = x[0];
for (int64_t c = 1; c < cols; ++c)
  if (x[c] > max) max = x[c];
T sum = 0;
for (int64_t c = 0; c < cols; ++c) {
  const T power = std::exp(x[c] - max);
  sum += power;
  y[c] = power / sum;
}
