// task: 2.4
// test: softmax.of_ordinary_rows
// state: FAIL
// cause: not divided by their sum
T max = x[0];
for (int64_t c = 1; c < cols; ++c)
  if (x[c] > max) max = x[c];
for (int64_t c = 0; c < cols; ++c) y[c] = std::exp(x[c] - max);
