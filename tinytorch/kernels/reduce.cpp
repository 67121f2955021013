#include "tinytorch/kernels/reduce.h"

namespace tinytorch::kernels {

namespace {
using Fn = void(const ReduceArgs<float>&);
constexpr Variant<Fn> kSum[] = {
    {"loops", loops::sum<float>, "one running sum in double"},
    {"simd", simd::sum, "64 lanes in blocks, or vectors across the inner dimension"},
};
constexpr Variant<Fn> kMax[] = {
    {"loops", loops::max<float>, "one running maximum"},
    {"simd", simd::max, "the value by vectors, then the first element equal to it"},
};
constexpr Variant<Fn> kDeviation[] = {
    {"loops", loops::sum_squared_deviation<float>, "mean, then squares"},
    {"simd", simd::sum_squared_deviation, "mean, then squares, in the order of sum"},
};
}  // namespace

Kernel<Fn> sum_f32("sum", kSum);
Kernel<Fn> max_f32("max", kMax);
Kernel<Fn> sum_squared_deviation_f32("sum_squared_deviation", kDeviation);

void sum(const ReduceArgs<float>& a) {
  sum_f32(a);
}
void sum(const ReduceArgs<double>& a) {
  loops::sum(a);
}
void sum(const ReduceArgs<int64_t>& a) {
  loops::sum(a);
}
void max(const ReduceArgs<float>& a) {
  max_f32(a);
}
void max(const ReduceArgs<double>& a) {
  loops::max(a);
}
void max(const ReduceArgs<int64_t>& a) {
  loops::max(a);
}
void sum_squared_deviation(const ReduceArgs<float>& a) {
  sum_squared_deviation_f32(a);
}
void sum_squared_deviation(const ReduceArgs<double>& a) {
  loops::sum_squared_deviation(a);
}

}  // namespace tinytorch::kernels
