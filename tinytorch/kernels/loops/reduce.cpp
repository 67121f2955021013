// Reductions over the middle of outer x count x inner, in plain loops: kernels/reduce.h. Each
// output element is the affair of one iteration of the two outer loops, so threads may share them.
#include "tinytorch/kernels/reduce.h"

#include <type_traits>

#include "tinytorch/core/parallel.h"

namespace tinytorch::kernels::loops {

// tito:begin 1.0
// tito:end 1.0

namespace {

// A sum of many floats needs more digits than its terms have.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, T>;

// Calls fn(first input element, output number) for each output.
template <class T, class Fn>
void for_each_output(const ReduceArgs<T>& a, Fn fn) {
  parallel_for(a.outer * a.inner, 1.0 * static_cast<double>(a.count),
               [&](int64_t begin, int64_t end) {
                 for (int64_t k = begin; k < end; ++k)
                   fn(a.x + k / a.inner * a.x_outer + k % a.inner * a.x_inner, k);
               });
}

}  // namespace

template <class T>
void sum(const ReduceArgs<T>& a) {
  for_each_output(a, [&](const T* x, int64_t k) {
    // tito:begin 1.12a
    Accumulator<T> total = 0;
    for (int64_t r = 0; r < a.count; ++r) total += x[r * a.x_count];
    a.y[k] = static_cast<T>(total);
    // tito:end 1.12a
  });
}

template <class T>
void max(const ReduceArgs<T>& a) {
  for_each_output(a, [&](const T* x, int64_t k) {
    // tito:begin 1.12b
    int64_t best = 0;
    for (int64_t r = 1; r < a.count; ++r) {
      const T value = x[r * a.x_count], so_far = x[best * a.x_count];
      const bool so_far_is_nan = so_far != so_far;  // the first NaN stays
      if (!so_far_is_nan && !(value <= so_far)) best = r;
    }
    a.y[k] = x[best * a.x_count];
    if (a.index) a.index[k] = best;
    // tito:end 1.12b
  });
}

template <class T>
void sum_squared_deviation(const ReduceArgs<T>& a) {
  for_each_output(a, [&](const T* x, int64_t k) {
    double mean = 0, total = 0;
    for (int64_t r = 0; r < a.count; ++r) mean += static_cast<double>(x[r * a.x_count]);
    mean /= static_cast<double>(a.count);
    for (int64_t r = 0; r < a.count; ++r) {
      const double d = static_cast<double>(x[r * a.x_count]) - mean;
      total += d * d;
    }
    a.y[k] = static_cast<T>(total);
  });
}

template void sum(const ReduceArgs<float>&);
template void sum(const ReduceArgs<double>&);
template void sum(const ReduceArgs<int64_t>&);
template void max(const ReduceArgs<float>&);
template void max(const ReduceArgs<double>&);
template void max(const ReduceArgs<int64_t>&);
template void sum_squared_deviation(const ReduceArgs<float>&);
template void sum_squared_deviation(const ReduceArgs<double>&);

}  // namespace tinytorch::kernels::loops
