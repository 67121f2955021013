// task: 4.9
// region: 4.9b
// test: cross_entropy_grad.of_large_logits
// state: FAIL
// cause: overflows for large logits
const T everywhere = smoothing / static_cast<T>(classes);
for (int64_t c = 0; c < classes; ++c)
  dx[c] =
      g * (std::exp(x[c]) / (sum * std::exp(max)) - everywhere - (c == target ? 1 - smoothing : 0));
