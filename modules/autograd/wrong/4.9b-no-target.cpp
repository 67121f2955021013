// task: 4.9
// region: 4.9b
// test: cross_entropy_grad.of_random_rows
// state: FAIL
// cause: the target's share is missing
(void)target;

const T everywhere = smoothing / static_cast<T>(classes);
for (int64_t c = 0; c < classes; ++c) dx[c] = g * (std::exp(x[c] - max) / sum - everywhere);
