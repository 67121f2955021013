// task: 4.9
// region: 4.9b
// test: cross_entropy_grad.of_random_rows
// state: FAIL
// cause: only the target's logit
for (int64_t c = 0; c < classes; ++c)
  dx[c] = c == target ? g * (std::exp(x[c] - max) / sum - 1 + smoothing) : T(0);
