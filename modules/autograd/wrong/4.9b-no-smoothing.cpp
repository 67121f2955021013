// task: 4.9
// region: 4.9b
// test: cross_entropy_grad.with_smoothing
// state: FAIL
// cause: the label smoothing is left out
(void)smoothing;
for (int64_t c = 0; c < classes; ++c)
  dx[c] = g * (std::exp(x[c] - max) / sum - (c == target ? 1 : 0));
