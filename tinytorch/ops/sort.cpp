// Sorting: the order is found row by row, the values are gathered, which has the gradient.
#include "tinytorch/ops/sort.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  return false;
}

// The first k indices of each row of `x` (rows, n) in order, to `out` (rows, k). Ties go by index,
// so that the result is one for any method.
template <class T>
void order_rows(const T* x, int64_t rows, int64_t n, int64_t k, bool descending, int64_t* out) {
  const double ns = static_cast<double>(n) * std::log2(static_cast<double>(n) + 2);
  kernels::parallel_rows(rows, 10 * ns, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> order(static_cast<size_t>(n));
    for (int64_t r = begin; r < end; ++r) {
      const T* row = x + r * n;
      std::iota(order.begin(), order.end(), int64_t{0});
      const auto before = [row, descending](int64_t a, int64_t b) {
        const T u = row[a], v = row[b];
        const bool u_nan = is_nan(u), v_nan = is_nan(v);
        const bool less = v_nan ? !u_nan : u < v, more = u_nan ? !v_nan : v < u;
        if (less || more) return descending ? more : less;
        return a < b;
      };
      if (k < n)
        std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
      else
        std::sort(order.begin(), order.end(), before);
      std::copy_n(order.begin(), k, out + r * k);
    }
  });
}

// The first k indices of x along dim, in order.
Tensor first_in_order(const char* op, const Tensor& x, int dim, int64_t k, bool descending) {
  const NoGrad no_grad;
  if (x.dim() == 0) return zeros({k}, DType::kI64).reshape({});
  const Tensor rows = x.transpose(dim, -1).contiguous();
  const int64_t n = rows.size(-1), count = n ? rows.numel() / n : 0;
  Shape shape = rows.shape();
  shape[shape.rank() - 1] = k;
  Tensor out = empty(shape, DType::kI64);
  const auto run = [&](auto type) {
    using T = decltype(type);
    order_rows(rows.data<T>(), count, n, k, descending, out.data<int64_t>());
  };
  switch (x.dtype()) {
    case DType::kF32:
      run(float{});
      break;
    case DType::kF64:
      run(double{});
      break;
    case DType::kI64:
      run(int64_t{});
      break;
    case DType::kI32:
      run(int32_t{});
      break;
    case DType::kI8:
      run(int8_t{});
      break;
    case DType::kU8:
      run(uint8_t{});
      break;
    case DType::kBool:
      run(bool{});
      break;
    default:
      raise<DTypeError>("{}: no kernel for {}. Hint: to(DType::kF32).", op, dtype_name(x.dtype()));
  }
  return out.transpose(dim, -1).contiguous();
}

std::pair<Tensor, Tensor> with_values(const Tensor& x, int dim, const Tensor& indices) {
  return {gather(x, x.dim() == 0 ? 0 : dim, indices), indices};
}

}  // namespace

std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t dim, bool descending) {
  const int d = normalize_dim(dim, x.dim(), "sort");
  const int64_t n = x.dim() == 0 ? 1 : x.size(d);
  return with_values(x, d, first_in_order("sort", x, d, n, descending));
}

Tensor argsort(const Tensor& x, int64_t dim, bool descending) {
  const int d = normalize_dim(dim, x.dim(), "argsort");
  return first_in_order("argsort", x, d, x.dim() == 0 ? 1 : x.size(d), descending);
}

std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest,
                               bool /*sorted*/) {
  const int d = normalize_dim(dim, x.dim(), "topk");
  const int64_t n = x.dim() == 0 ? 1 : x.size(d);
  if (k < 0 || k > n)
    raise<ConfigError>("topk: k = {} is not in 0 to {}, the size of dim {} of {}.", k, n, d,
                       describe(x));
  if (x.dim() == 0 && k == 0) raise<ConfigError>("topk: k = 0 of a single number.");
  return with_values(x, d, first_in_order("topk", x, d, k, largest));
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
std::vector<Sample> sort_samples(SampleMaker& m) {
  const auto run = [](int64_t dim, bool descending) {
    return [=](Inputs t) { return sort(t[0], dim, descending).first; };
  };
  return {{"last dim", {m.distinct({3, 5})}, run(-1, false)},
          {"first dim, descending", {m.distinct({4, 3})}, run(0, true)},
          {"middle of 3-d", {m.distinct({2, 4, 3})}, run(1, false)},
          {"scalar", {m.distinct({})}, run(-1, false)},
          {"empty", {m.distinct({0, 2})}, run(0, true)}};
}
std::vector<Sample> argsort_samples(SampleMaker& m) {
  const auto run = [](int64_t dim, bool descending) {
    return [=](Inputs t) { return argsort(t[0], dim, descending); };
  };
  return {{"last dim", {m.distinct({3, 5})}, run(-1, false)},
          {"first dim, descending", {m.distinct({4, 3})}, run(0, true)},
          {"integers", {m.indices({12}, 100)}, run(0, false)},
          {"scalar", {m.distinct({})}, run(0, false)}};
}
std::vector<Sample> topk_samples(SampleMaker& m) {
  const auto run = [](int64_t k, int64_t dim, bool largest) {
    return [=](Inputs t) { return topk(t[0], k, dim, largest).first; };
  };
  return {{"3 of 7", {m.distinct({4, 7})}, run(3, -1, true)},
          {"2 smallest, dim 0", {m.distinct({5, 3})}, run(2, 0, false)},
          {"all", {m.distinct({2, 3, 2})}, run(3, 1, true)},
          {"none", {m.distinct({2, 3})}, run(0, 1, true)}};
}
std::vector<Sample> topk_index_samples(SampleMaker& m) {
  const auto run = [](int64_t k, int64_t dim, bool largest) {
    return [=](Inputs t) { return topk(t[0], k, dim, largest).second; };
  };
  return {{"3 of 7", {m.distinct({4, 7})}, run(3, -1, true)},
          {"2 smallest, dim 0", {m.distinct({5, 3})}, run(2, 0, false)}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 5);
}
std::vector<ErrorCase> sort_errors() {
  return {{"dim", [] { sort(zeros({2, 3}), 2); }, "sort: dim 2 is out of range"},
          {"bf16", [] { sort(zeros({2}, DType::kBF16)); }, "sort: no kernel for bf16"}};
}
std::vector<ErrorCase> argsort_errors() {
  return {{"dim", [] { argsort(zeros({2, 3}), -3); }, "argsort: dim -3 is out of range"}};
}
std::vector<ErrorCase> topk_errors() {
  return {{"k", [] { topk(zeros({2, 3}), 4); },
           "topk: k = 4 is not in 0 to 3, the size of dim 1 of f32 [2, 3]"},
          {"negative k", [] { topk(zeros({2, 3}), -1); }, "k = -1"}};
}

const OpInfo kTable[] = {
    {"sort", "sort(x, dim, descending).first", "the values of dim in order",
     "g where the values came from", "the order", "gather_rows scatter_add_rows", sort_samples,
     cost, sort_errors, 1e-6, true, "always stable"},
    {"argsort", "argsort(x, dim, descending), sort(...).second",
     "the indices of the values in order", "none: indices", "nothing", "", argsort_samples, cost,
     argsort_errors, 1e-6, true, "always stable"},
    {"topk", "topk(x, k, dim, largest, sorted).first", "the k largest or smallest values, in order",
     "g where the values came from", "their indices", "gather_rows scatter_add_rows", topk_samples,
     cost, topk_errors, 1e-6, true, "always sorted; of equal values the first"},
    {"topk_indices", "topk(x, k, dim, largest, sorted).second", "the indices of the k values",
     "none: indices", "nothing", "", topk_index_samples, cost, nullptr},
};

}  // namespace

std::span<const OpInfo> sort_ops() {
  return kTable;
}

}  // namespace tinytorch
