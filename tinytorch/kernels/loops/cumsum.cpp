// Running sums: kernels/cumsum.h.
#include "tinytorch/kernels/cumsum.h"

#include <algorithm>
#include <type_traits>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/rows.h"

namespace tinytorch::kernels {

namespace {

constexpr int64_t kColumns = 64;  // sums that one task carries side by side

// One sum, in a register.
template <class Accumulator, class T>
void along_run(const T* x, T* y, int64_t count, int64_t step) {
  Accumulator total = 0;
  for (int64_t k = 0; k < count; ++k) {
    total += static_cast<Accumulator>(x[k * step]);
    y[k * step] = static_cast<T>(total);
  }
}

}  // namespace

template <class T>
void cumsum(const CumsumArgs<T>& a) {
  using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, T>;
  const int64_t blocks = (a.inner + kColumns - 1) / kColumns;
  parallel_rows(a.outer * blocks, 1.0 * static_cast<double>(a.count * std::min(a.inner, kColumns)),
                [&](int64_t begin, int64_t end) {
                  for (int64_t task = begin; task < end; ++task) {
                    const int64_t first = task % blocks * kColumns;
                    const int64_t columns = std::min(kColumns, a.inner - first);
                    const int64_t at = task / blocks * a.count * a.inner + first;
                    if (a.inner == 1) {
                      const int64_t from = at + (a.reverse ? a.count - 1 : 0);
                      along_run<Accumulator>(a.x + from, a.y + from, a.count, a.reverse ? -1 : 1);
                      continue;
                    }
                    Accumulator total[kColumns] = {};
                    for (int64_t k = 0; k < a.count; ++k) {
                      const int64_t r = a.reverse ? a.count - 1 - k : k;
                      const T* x = a.x + at + r * a.inner;
                      T* y = a.y + at + r * a.inner;
                      for (int64_t i = 0; i < columns; ++i)
                        y[i] = static_cast<T>(total[i] += static_cast<Accumulator>(x[i]));
                    }
                  }
                });
}

template void cumsum(const CumsumArgs<float>&);
template void cumsum(const CumsumArgs<double>&);
template void cumsum(const CumsumArgs<int64_t>&);

}  // namespace tinytorch::kernels
