#pragma once
// Plain rows from scalar formulas: the oracle of every pointwise operation.
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tinytorch/kernels/walk.h"

namespace tinytorch::kernels {

namespace detail {

// Splits the signature of a formula R(A..., const P&) into inputs and parameters; a formula whose
// last argument is no reference has no parameters.
template <class... A>
struct LastOf {
  using Type = void;
};
template <class A, class... Rest>
struct LastOf<A, Rest...> {
  using Type = std::conditional_t<sizeof...(Rest) == 0, A, typename LastOf<Rest...>::Type>;
};
template <class... A>
inline constexpr bool has_params = std::is_reference_v<typename LastOf<A...>::Type>;

template <auto kFormula, class Signature>
struct LoopsRow;
template <auto kFormula, class R, class... A>
struct LoopsRow<kFormula, R (*)(A...)> {
  template <class T, size_t kInput>
  static decltype(auto) argument(char* const* data, const int64_t* step, int64_t i,
                                 const void* params) {
    if constexpr (std::is_reference_v<T>)
      return *static_cast<std::remove_reference_t<T>*>(params);
    else
      return *reinterpret_cast<const T*>(data[1 + kInput] + i * step[1 + kInput]);
  }
  template <size_t... kInput>
  static void run(char* const* data, const int64_t* step, int64_t n, const void* params,
                  std::index_sequence<kInput...>) {
    for (int64_t i = 0; i < n; ++i)
      *reinterpret_cast<R*>(data[0] + i * step[0]) =
          kFormula(argument<A, kInput>(data, step, i, params)...);
  }
};

}  // namespace detail

// out[i] = kFormula(a[i], b[i], ..., params) for i in [0, n): a RowFn (kernels/walk.h). An input
// may be the output.
template <auto kFormula>
void loops_row(char* const* data, const int64_t* step, int64_t n, const void* params) {
  using Signature = decltype(kFormula);
  []<class R, class... A>(R (*)(A...), auto... rest) {
    detail::LoopsRow<kFormula, Signature>::run(rest..., std::index_sequence_for<A...>());
  }(kFormula, data, step, n, params);
}

}  // namespace tinytorch::kernels
