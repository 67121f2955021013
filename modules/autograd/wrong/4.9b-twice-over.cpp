// task: 4.9
// region: 4.9b
// test: cross_entropy_grad.in_place
// state: FAIL
// cause: the logits were overwritten
const T everywhere = smoothing / static_cast<T>(classes);
for (int64_t c = 0; c < classes; ++c) dx[c] = 0;
for (int64_t c = 0; c < classes; ++c)
  dx[c] = g * (std::exp(x[c] - max) / sum - everywhere - (c == target ? 1 - smoothing : 0));
