// Task 2.2, against sums in double precision.
#include <cstdint>
#include <functional>

#include "modules/harness/check.h"
#include "tinytorch/kernels/matmul.h"

namespace tinytorch::check {

namespace {

using Element = std::function<double(int64_t i, int64_t p)>;

// A product of C's shape: start + sum over p in [first, last) of a(i, p) b(p, j).
struct Product {
  int64_t m, n, k;
  std::vector<float> a, b, c;  // row-major; a is k x m when transposed
  bool transposed = false;

  Product(int64_t rows, int64_t columns, int64_t inner, bool transposed_a = false)
      : m(rows),
        n(columns),
        k(inner),
        a(numbers(static_cast<size_t>(m * k), 1)),
        b(numbers(static_cast<size_t>(k * n), 2)),
        c(static_cast<size_t>(m * n), 0.0F),
        transposed(transposed_a) {}

  std::vector<double> sums(const Element& a_at, int64_t first, int64_t last) const {
    std::vector<double> out;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = c[static_cast<size_t>(i * n + j)];
        for (int64_t p = first; p < last; ++p)
          sum += a_at(i, p) * b[static_cast<size_t>(p * n + j)];
        out.push_back(sum);
      }
    return out;
  }

  void check(bool accumulate) {
    const Element a_at = [&](int64_t i, int64_t p) {
      return a[static_cast<size_t>(transposed ? p * m + i : i * k + p)];
    };
    const Element untransposed = [&](int64_t i, int64_t p) {
      return a[static_cast<size_t>(i * k + p)];
    };
    Values v{.what = "C of " + std::to_string(m) + " x " + std::to_string(n) +
                     ", k = " + std::to_string(k) + (transposed ? ", A transposed" : "") +
                     (accumulate ? ", added to what C holds" : ""),
             .got = {},
             .expected = sums(a_at, 0, k),
             .shape = {m, n},
             .tolerance = 1e-5,
             .invariant = "C[i,j] takes a(i, p) b(p, j) for every p, added to what it holds",
             .mistakes = {{sums(a_at, k - 1, k),
                           "only the last p is left: the products overwrite "
                           "C instead of being added to it"},
                          {sums(a_at, 0, k - 1), "the last p is left out"},
                          {sums(a_at, 1, k), "the first p is left out"},
                          {sums(untransposed, 0, k),
                           "A is read as if its rows lay one after the other; use a(i, p), which "
                           "knows the strides"},
                          {sums(a_at, 0, 0), "C is as it was: no product arrives"}}};
    kernels::MatmulArgs<float> args;
    args.m = m, args.n = n, args.k = k;
    args.a = a.data(), args.b = b.data(), args.c = c.data();
    args.a_rs = transposed ? 1 : k, args.a_cs = transposed ? m : 1;
    args.b_rs = n, args.b_cs = 1, args.ldc = n;
    args.accumulate = accumulate;
    kernels::loops::matmul_ikj(args);
    v.got = doubles(c);
    values(v);
  }
};

}  // namespace

TASK_TEST(matmul_ikj, of_ragged_sizes) {
  for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {2, 3, 4}, {7, 5, 3}, {33, 17, 29}})
    Product(m, n, k).check(false);
}

TASK_TEST(matmul_ikj, adds_to_what_c_holds) {
  Product product(5, 6, 7);
  product.c = numbers(product.c.size(), 3);
  product.check(true);
}

TASK_TEST(matmul_ikj, of_a_transposed_a) {
  Product(4, 6, 3, true).check(false);
}

// Each buffer ends where its matrix does, so the sanitizer sees a step over the edge.
TASK_TEST(matmul_ikj, stays_inside) {
  Product(3, 5, 2).check(false);
}

}  // namespace tinytorch::check
