// task: 2.4
// test: softmax.of_ordinary_rows
// state: FAIL
// cause: the last element is missing
T max = x[0];
for (int64_t c = 1; c < cols; ++c)
  if (x[c] > max) max = x[c];
T sum = cols == 1 ? T(1) : T(0);
for (int64_t c = 0; c < cols; ++c) y[c] = std::exp(x[c] - max);
for (int64_t c = 0; c + 1 < cols; ++c) sum += y[c];
for (int64_t c = 0; c < cols; ++c) y[c] /= sum;
