// Task 1.12: sum and max over a dimension.
#include "tinytorch/kernels/reduce.h"

#include <cmath>
#include <limits>

#include "modules/tensor/tests/invariants.h"
#include "tinytorch/core/tensor.h"

namespace tinytorch::check {

namespace {

// A reduction over the middle of [outer, count, inner], stored with these strides.
struct Case {
  int64_t outer, count, inner;
  int64_t x_outer, x_count, x_inner;
};

constexpr Case kCases[] = {
    {1, 7, 1, 7, 1, 1},      // a vector
    {3, 5, 1, 5, 1, 1},      // rows of a matrix
    {1, 5, 3, 15, 3, 1},     // its columns
    {2, 3, 4, 12, 4, 1},     // the middle of three
    {4, 3, 2, 1, 8, 4},      // of a permuted one
    {3, 1, 2, 2, 99, 1},     // one term
    {2, 65, 3, 500, 2, 150}  // with gaps
};

template <class T>
kernels::ReduceArgs<T> args_of(const Case& c, const std::vector<T>& x, std::vector<T>& y) {
  kernels::ReduceArgs<T> args;
  args.outer = c.outer, args.count = c.count, args.inner = c.inner;
  args.x_outer = c.x_outer, args.x_count = c.x_count, args.x_inner = c.x_inner;
  args.x = x.data();
  args.y = y.data();
  return args;
}

// fn(list of terms) for every output, terms taken `step` apart.
template <class T, class F>
std::vector<double> reduced(const Case& c, const std::vector<T>& x, int64_t step, int64_t begin,
                            int64_t end, F fn) {
  std::vector<double> out;
  for (int64_t o = 0; o < c.outer; ++o)
    for (int64_t i = 0; i < c.inner; ++i) {
      std::vector<double> terms;
      for (int64_t r = begin; r < end; ++r)
        terms.push_back(
            static_cast<double>(x[static_cast<size_t>(o * c.x_outer + r * step + i * c.x_inner)]));
      out.push_back(fn(terms));
    }
  return out;
}

double sum_of(const std::vector<double>& terms) {
  double total = 0;
  for (const double t : terms) total += t;
  return total;
}
double max_of(const std::vector<double>& terms) {
  double best = terms[0];
  for (const double t : terms) best = t > best ? t : best;
  return best;
}
double max_or_zero(const std::vector<double>& terms) {
  return std::max(max_of(terms), 0.0);
}

std::string what_of(const char* name, const Case& c) {
  return std::string(name) + " of [" + std::to_string(c.outer) + ", " + std::to_string(c.count) +
         ", " + std::to_string(c.inner) + "] with strides " + std::to_string(c.x_outer) + ", " +
         std::to_string(c.x_count) + ", " + std::to_string(c.x_inner);
}

}  // namespace

TASK_TEST(sum, over_any_dimension) {
  for (const Case& c : kCases) {
    const std::vector<float> x = numbers(2000, 5);
    std::vector<float> y(static_cast<size_t>(c.outer * c.inner), 1000);
    kernels::loops::sum(args_of(c, x, y));
    values({.what = what_of("sum", c),
            .got = doubles(y),
            .expected = reduced(c, x, c.x_count, 0, c.count, sum_of),
            .shape = {c.outer, c.inner},
            .tolerance = 1e-6,
            .invariant = invariant::kAddress,
            .mistakes = {
                {reduced(c, x, 1, 0, c.count, sum_of),
                 "the terms were taken one element apart: they are x_count apart"},
                {reduced(c, x, c.x_count, 0, c.count - 1, sum_of), "the last term is missing"},
                {reduced(c, x, c.x_count, 1, c.count, sum_of), "the first term is missing"},
                {reduced(c, x, c.x_count, 0, c.count,
                         [](const std::vector<double>& terms) { return 1000 + sum_of(terms); }),
                 "y was added to: its contents are undefined before"},
                {reduced(c, x, c.x_count, 0, c.count,
                         [](const std::vector<double>& terms) {
                           return sum_of(terms) / static_cast<double>(terms.size());
                         }),
                 "that is the mean"},
            }});
  }
}

TASK_TEST(sum, of_nothing_is_zero) {
  const std::vector<float> x(4, 5);
  std::vector<float> y(6, 1000);
  kernels::loops::sum(args_of<float>({2, 0, 3, 0, 0, 0}, x, y));
  values({.what = "sum of [2, 0, 3]",
          .got = doubles(y),
          .expected = std::vector<double>(6, 0),
          .invariant = invariant::kOnce,
          .mistakes = {{std::vector<double>(6, 1000), "y was not written: a sum of no terms is 0"},
                       {std::vector<double>(6, 5), "a term was read where there is none"}}});
}

TASK_TEST(sum, of_many_terms_keeps_digits) {
  std::vector<float> x(100'001, 1);
  x[0] = 16'777'216;  // 2^24: in float, adding 1 changes nothing
  std::vector<float> y(1);
  kernels::loops::sum(args_of<float>({1, 100'001, 1, 0, 1, 0}, x, y));
  values(
      {.what = "sum of 2^24 and 100000 ones",
       .got = doubles(y),
       .expected = {16'877'216},
       .mistakes = {{{16'777'216},
                     "the total is a float: 2^24 + 1 is 2^24 there; add up in Accumulator<T>"}}});
}

TASK_TEST(sum, of_integers_is_exact) {
  const int64_t large = (int64_t{1} << 60) + 1;
  const std::vector<int64_t> x = {large, 1, 1, -large, 5};
  std::vector<int64_t> y(1);
  kernels::loops::sum(args_of<int64_t>({1, 5, 1, 0, 1, 0}, x, y));
  that(y[0] == 7, "sum of i64 2^60 + 1, 1, 1, -2^60 - 1, 5 is " + std::to_string(y[0]),
       "integers were added up in double, which has 53 bits: Accumulator<T> is T for them");
}

TASK_TEST(max, over_any_dimension) {
  for (const Case& c : kCases) {
    std::vector<float> x = numbers(2000, 6);
    for (float& each : x) each -= 2;  // all are negative
    std::vector<float> y(static_cast<size_t>(c.outer * c.inner), 1000);
    kernels::loops::max(args_of(c, x, y));
    values({.what = what_of("max", c),
            .got = doubles(y),
            .expected = reduced(c, x, c.x_count, 0, c.count, max_of),
            .shape = {c.outer, c.inner},
            .invariant = invariant::kAddress,
            .mistakes = {
                {reduced(c, x, c.x_count, 0, c.count, max_or_zero),
                 "the search begins with 0, which is larger than every negative number: begin with "
                 "the first term"},
                {reduced(c, x, 1, 0, c.count, max_of),
                 "the terms were taken one element apart: they are x_count apart"},
                {reduced(c, x, c.x_count, 0, std::max<int64_t>(c.count - 1, 1), max_of),
                 "the last term is missing"},
                {reduced(c, x, c.x_count, 0, 1, max_of), "only the first term was looked at"},
            }});
  }
}

TASK_TEST(max, tells_the_first_of_equals) {
  const std::vector<float> x = {1, 3, 3, 2, 3, 0, 0, -1, 0, 0};
  std::vector<float> y(2);
  std::vector<int64_t> index(2, 77);
  auto args = args_of<float>({2, 5, 1, 5, 1, 1}, x, y);
  args.index = index.data();
  kernels::loops::max(args);
  values({.what = "max of [[1, 3, 3, 2, 3], [0, 0, -1, 0, 0]]: where it is",
          .got = doubles(index),
          .expected = {1, 0},
          .invariant = invariant::kOnce,
          .mistakes = {
              {{4, 4}, "the last of equals was taken: a later one must be larger to win"},
              {{77, 77}, "the index was not written"},
              {{1, 5}, "the index counts along the reduced dimension, from 0 in each output"}}});
}

TASK_TEST(max, of_a_nan_is_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {1, nan, 3, nan, nan, 9, 9, 9, 1, 2, 3, nan};
  std::vector<float> y(3);
  std::vector<int64_t> index(3, 77);
  auto args = args_of<float>({3, 4, 1, 4, 1, 1}, x, y);
  args.index = index.data();
  kernels::loops::max(args);
  const double wanted = std::numeric_limits<double>::quiet_NaN();
  const std::string cause =
      "every comparison with a NaN is false: a NaN must win, and the first one stays";
  for (const float each : y)
    holds(std::isnan(each), "max of a row with a NaN is " + std::to_string(each), invariant::kOnce,
          cause);
  values({.what = "max of rows with NaN", .got = doubles(y), .expected = {wanted, wanted, wanted}});
  values({.what = "max of rows with NaN: where the first NaN is",
          .got = doubles(index),
          .expected = {1, 0, 3},
          .mistakes = {{{3, 0, 3}, "the last NaN was taken: the first one stays"}}});
}

TASK_TEST(max, without_an_index) {
  const std::vector<double> x = {1, 5, 2};
  std::vector<double> y(1);
  kernels::loops::max(args_of<double>({1, 3, 1, 3, 1, 1}, x, y));  // index is nullptr
  that(y[0] == 5, "max of 1, 5, 2 is " + std::to_string(y[0]));
}

}  // namespace tinytorch::check
