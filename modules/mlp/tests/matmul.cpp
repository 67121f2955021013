// Tasks 2.1 to 2.3, against sums in double precision.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "modules/harness/check.h"
#include "tinytorch/kernels/matmul.h"

namespace tinytorch::check {

namespace {

using Matmul = void (*)(const kernels::MatmulArgs<float>&);

// Which products an element takes: p in [first, last) for the rows below `rows` and the columns
// below `columns`; the others take none.
struct Part {
  int64_t rows, columns, first, last;
};

// C += A B. C lies in rows of n + gap elements; each buffer ends where its matrix does.
struct Product {
  int64_t m, n, k, gap = 0;
  bool a_transposed = false, b_transposed = false, accumulate = false;
  std::vector<float> a, b, c = {};

  Product(int64_t rows, int64_t columns, int64_t inner)
      : m(rows),
        n(columns),
        k(inner),
        a(numbers(static_cast<size_t>(m * k), 1)),
        b(numbers(static_cast<size_t>(k * n), 2)) {}

  double a_at(int64_t i, int64_t p) const {
    return a[static_cast<size_t>(a_transposed ? p * m + i : i * k + p)];
  }
  double b_at(int64_t p, int64_t j) const {
    return b[static_cast<size_t>(b_transposed ? j * k + p : p * n + j)];
  }
  size_t c_at(int64_t i, int64_t j) const { return static_cast<size_t>(i * (n + gap) + j); }
  void fill_c() {
    const size_t size = c_at(m - 1, n);
    c = accumulate ? numbers(size, 3) : std::vector<float>(size, 7.0F);
  }

  template <class A, class B>
  std::vector<double> sums(const A& a_of, const B& b_of, const Part& part) const {
    std::vector<double> out;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = accumulate ? static_cast<double>(c[c_at(i, j)]) : 0;
        const bool taken = i < part.rows && j < part.columns;
        for (int64_t p = part.first; taken && p < part.last; ++p) sum += a_of(i, p) * b_of(p, j);
        out.push_back(sum);
      }
    return out;
  }
  std::vector<double> part(const Part& which) const {
    return sums([&](int64_t i, int64_t p) { return a_at(i, p); },
                [&](int64_t p, int64_t j) { return b_at(p, j); }, which);
  }

  std::vector<double> run(Matmul fn) {
    kernels::MatmulArgs<float> args;
    args.m = m, args.n = n, args.k = k;
    args.a = a.data(), args.b = b.data(), args.c = c.data();
    args.a_rs = a_transposed ? 1 : k, args.a_cs = a_transposed ? m : 1;
    args.b_rs = b_transposed ? 1 : n, args.b_cs = b_transposed ? k : 1;
    args.ldc = n + gap;
    args.accumulate = accumulate;
    fn(args);
    std::vector<double> out;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) out.push_back(static_cast<double>(c[c_at(i, j)]));
    return out;
  }

  std::string what() const {
    return "C of " + std::to_string(m) + " x " + std::to_string(n) + ", k = " + std::to_string(k) +
           (a_transposed ? ", A transposed" : "") + (b_transposed ? ", B transposed" : "") +
           (accumulate ? ", added to what C holds" : "") +
           (gap ? ", rows " + std::to_string(n + gap) + " apart" : "");
  }

  // What C shows when row i is added at i * n, though the rows lie further apart.
  std::vector<double> packed() const {
    const std::vector<double> sums_of_all = part({m, n, 0, k});
    std::vector<double> memory(c.size(), 7.0), out;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) memory[c_at(i, j)] = 0;
    for (size_t i = 0; i < sums_of_all.size(); ++i) memory[i] += sums_of_all[i];
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) out.push_back(memory[c_at(i, j)]);
    return out;
  }

  std::vector<Mistake> mistakes() const {
    const auto row_by_row = [&](int64_t i, int64_t p) {
      return static_cast<double>(a[static_cast<size_t>(i * k + p)]);
    };
    const auto b_row_by_row = [&](int64_t p, int64_t j) {
      return static_cast<double>(b[static_cast<size_t>(p * n + j)]);
    };
    std::vector<Mistake> list = {
        {part({m, n, 0, 0}), "C is as it was: no product arrives"},
        {part({m, n, k - 1, k}),
         "only the last p is left: the products overwrite C instead of being added to it"},
        {part({m, n, 0, k - 1}), "the last p is left out"},
        {part({m, n, 1, k}), "the first p is left out"},
        {part({m, n - 1, 0, k}), "the last column is left out"},
        {part({m - 1, n, 0, k}), "the last row is left out"},
        {sums(row_by_row, [&](int64_t p, int64_t j) { return b_at(p, j); }, {m, n, 0, k}),
         "A is read as if its rows lay one after the other; use a(i, p), which knows the strides"},
        {sums([&](int64_t i, int64_t p) { return a_at(i, p); }, b_row_by_row, {m, n, 0, k}),
         "B is read as if its rows lay one after the other; use b(p, j), which knows the strides"}};
    if (accumulate) {
      std::vector<double> alone = part({m, n, 0, k});
      for (size_t i = 0; i < alone.size(); ++i) alone[i] -= static_cast<double>(c[i]);
      list.push_back({alone, "what C held before is lost: the product is to be added to it"});
    }
    if (gap)
      list.push_back({packed(), "the rows of C are taken to lie n elements apart: use c(i, j)"});
    for (const int64_t tile : {2, 3, 4, 6, 8, 16, 32, 64, 128, 256, 512}) {
      const std::string size = std::to_string(tile);
      if (m % tile) {
        list.push_back({part({m / tile * tile, n, 0, k}),
                        "the last m % " + size + " rows, which fill no group, get nothing"});
      }
      if (n % tile)
        list.push_back({part({m, n / tile * tile, 0, k}),
                        "the last n % " + size + " columns, which fill no tile, get nothing"});
      if (k % tile) {
        list.push_back({part({m, n, 0, k / tile * tile}),
                        "the last k % " + size + " products, which fill no tile, are left out"});
        list.push_back({part({m, n, k / tile * tile, k}),
                        "only the last tile of p is left: a tile starts from 0 instead of from "
                        "what the tiles before it gave"});
      }
      list.push_back({part({m, n, 0, std::min(tile, k)}), "only the first tile of p is added"});
    }
    return list;
  }

  void check(Matmul fn) {
    fill_c();
    Values v{
        .what = what(),
        .got = {},
        .expected = part({m, n, 0, k}),
        .shape = {m, n},
        .tolerance = 1e-5,
        .invariant = "1. C[i,j] takes a(i, p) b(p, j) for every p once, added to what it holds",
        .mistakes = {}};
    const std::vector<float> before = c;
    v.got = run(fn);
    bool right = true;
    for (size_t i = 0; i < v.got.size(); ++i)
      right = right && std::abs(v.got[i] - v.expected[i]) <= v.tolerance;
    if (!right) {  // only then: they take a while
      const std::vector<float> after = std::exchange(c, before);
      v.mistakes = mistakes();
      c = after;
    }
    values(v);
    for (int64_t i = 0; i + 1 < m; ++i)
      for (int64_t j = n; j < n + gap; ++j)
        that(accumulate || c[c_at(i, j)] == 7.0F,
             what() + ": the memory behind row " + std::to_string(i) + " has changed",
             "the rows of C lie further apart than they are long: use c(i, j)");
  }
};

void check_accumulate(Matmul fn) {
  Product product(5, 6, 7);
  product.accumulate = true;
  product.check(fn);
}

void check_transposed_a(Matmul fn) {
  Product product(4, 6, 3);
  product.a_transposed = true;
  product.check(fn);
}

void check_gaps(Matmul fn) {
  Product product(5, 3, 4);
  product.gap = 6;
  product.check(fn);
}

const Matmul kIjk = kernels::loops::matmul_ijk<float>, kIkj = kernels::loops::matmul_ikj<float>,
             kBlocked = kernels::loops::matmul_blocked<float>;

}  // namespace

TASK_TEST(matmul_ijk, of_ragged_sizes) {
  for (const auto& [m, n, k] : {std::tuple{2, 3, 4}, {7, 5, 3}, {33, 17, 29}, {1, 1, 1}})
    Product(m, n, k).check(kIjk);
}

TASK_TEST(matmul_ijk, adds_to_what_c_holds) {
  check_accumulate(kIjk);
}

TASK_TEST(matmul_ijk, of_transposed_operands) {
  check_transposed_a(kIjk);
  Product product(4, 6, 3);
  product.b_transposed = true;
  product.check(kIjk);
  product.a_transposed = true;
  product.check(kIjk);
}

TASK_TEST(matmul_ijk, keeps_the_precision_of_double) {
  const std::vector<float> a = numbers(40, 5), b = numbers(40, 6);
  const std::vector<double> x = doubles(a), y = doubles(b);
  double sum = 0, c = 0;
  for (size_t p = 0; p < x.size(); ++p) sum += x[p] * y[p];
  kernels::MatmulArgs<double> args;
  args.m = 1, args.n = 1, args.k = 40;
  args.a = x.data(), args.b = y.data(), args.c = &c;
  args.a_rs = 40, args.a_cs = 1, args.b_rs = 1, args.b_cs = 1, args.ldc = 1;
  kernels::loops::matmul_ijk(args);
  that(std::abs(c - sum) < 1e-12, "the sum of 40 products of doubles is off by more than 1e-12",
       "the sum is kept in float: the elements' type is T, and so is their sum's");
}

TASK_TEST(matmul_ijk, begins_with_what_c_holds) {
  Product product(3, 4, 50);
  product.accumulate = true;
  product.fill_c();
  const std::vector<float> held = product.c;
  std::vector<double> expected, apart;
  for (int64_t i = 0; i < product.m; ++i)
    for (int64_t j = 0; j < product.n; ++j) {
      const float c = held[product.c_at(i, j)];
      float from_c = c, from_zero = 0;
      for (int64_t p = 0; p < product.k; ++p) {
        const float a = static_cast<float>(product.a_at(i, p));
        const float b = static_cast<float>(product.b_at(p, j));
        from_c += a * b, from_zero += a * b;
      }
      expected.push_back(static_cast<double>(from_c));
      apart.push_back(static_cast<double>(c + from_zero));
    }
  values({.what = product.what() + ", bit for bit",
          .got = product.run(kIjk),
          .expected = expected,
          .shape = {3, 4},
          .invariant = "2. Every order gives the same bits: an element takes its products in "
                       "rising p, one rounding a step",
          .mistakes = {{apart,
                        "the sum begins with 0 and is added to C at its end: begin with "
                        "what c(i, j) holds"}}});
}

TASK_TEST(matmul_ijk, stays_inside) {
  Product(3, 5, 2).check(kIjk);
}

TASK_TEST(matmul_ikj, of_ragged_sizes) {
  for (const auto& [m, n, k] : {std::tuple{2, 3, 4}, {7, 5, 3}, {33, 17, 29}, {1, 1, 1}})
    Product(m, n, k).check(kIkj);
}

TASK_TEST(matmul_ikj, adds_to_what_c_holds) {
  check_accumulate(kIkj);
}

TASK_TEST(matmul_ikj, of_a_transposed_a) {
  check_transposed_a(kIkj);
}

TASK_TEST(matmul_ikj, of_rows_with_gaps) {
  check_gaps(kIkj);
}

// Each buffer ends where its matrix does, so the sanitizer sees a step over the edge.
TASK_TEST(matmul_ikj, stays_inside) {
  Product(3, 5, 2).check(kIkj);
}

TASK_TEST(matmul_blocked, of_ragged_sizes) {
  for (const auto& [m, n, k] : {std::tuple{11, 530, 67}, {7, 259, 277}, {5, 3, 70}, {1, 1, 1}})
    Product(m, n, k).check(kBlocked);
}

TASK_TEST(matmul_blocked, of_whole_tiles) {
  for (const auto& [m, n, k] : {std::tuple{8, 512, 256}, {4, 64, 512}})
    Product(m, n, k).check(kBlocked);
}

TASK_TEST(matmul_blocked, adds_to_what_c_holds) {
  check_accumulate(kBlocked);
  Product product(6, 19, 300);
  product.accumulate = true;
  product.check(kBlocked);
}

TASK_TEST(matmul_blocked, of_a_transposed_a) {
  check_transposed_a(kBlocked);
}

TASK_TEST(matmul_blocked, of_rows_with_gaps) {
  check_gaps(kBlocked);
}

TASK_TEST(matmul_blocked, adds_in_rising_p) {
  Product product(6, 40, 600);
  product.fill_c();
  Values v{.what = product.what() + ", bit for bit",
           .got = product.run(kBlocked),
           .expected = {},
           .shape = {6, 40},
           .invariant =
               "2. Every order gives the same bits: an element takes its products in "
               "rising p, one rounding a step",
           .mistakes = {}};
  std::vector<double> falling;
  for (int64_t i = 0; i < product.m; ++i)
    for (int64_t j = 0; j < product.n; ++j) {
      float up = 0, down = 0;
      for (int64_t p = 0; p < product.k; ++p) {
        const int64_t q = product.k - 1 - p;
        up += static_cast<float>(product.a_at(i, p)) * static_cast<float>(product.b_at(p, j));
        down += static_cast<float>(product.a_at(i, q)) * static_cast<float>(product.b_at(q, j));
      }
      v.expected.push_back(static_cast<double>(up));
      falling.push_back(static_cast<double>(down));
    }
  v.mistakes.push_back({falling, "p falls instead of rising"});
  for (const int64_t tile : {8, 16, 32, 64, 128, 256, 512}) {
    std::vector<double> sums;
    for (int64_t i = 0; i < product.m; ++i)
      for (int64_t j = 0; j < product.n; ++j) {
        float sum = 0;
        for (int64_t p0 = 0; p0 < product.k; p0 += tile) {
          float of_tile = 0;
          for (int64_t p = p0; p < std::min(p0 + tile, product.k); ++p)
            of_tile +=
                static_cast<float>(product.a_at(i, p)) * static_cast<float>(product.b_at(p, j));
          sum += of_tile;
        }
        sums.push_back(static_cast<double>(sum));
      }
    v.mistakes.push_back({sums,
                          "each tile has a sum of its own that is added to C at its end: add "
                          "every product to C itself"});
  }
  values(v);
}

TASK_TEST(matmul_blocked, stays_inside) {
  Product(5, 7, 3).check(kBlocked);
  Product(3, 260, 66).check(kBlocked);
}

}  // namespace tinytorch::check
