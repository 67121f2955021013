// task: 2.5
// test: cross_entropy.of_huge_logits
// state: FAIL
// cause: without the maximum subtracted
T sum = 0;
for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c]);
*max_out = 0;
*sum_out = sum;
static_cast<void>(smoothing);
return -std::log(std::exp(x[target]) / sum);
