// Task 1.9: rows of add, mul, relu and exp. A row's operands lie in one array with room between
// them, so that a wrong step reads a wrong number and a write beside the row is seen.
#include <cmath>
#include <cstring>
#include <limits>

#include "modules/tensor/tests/invariants.h"
#include "tinytorch/kernels/pointwise.h"

namespace tinytorch::check {

namespace {

namespace loops = kernels::loops;

struct Operand {
  int64_t first;  // element of the array
  int64_t step;   // elements
};

constexpr int64_t kRoom = 400;  // elements; operands begin in the middle third

template <class T>
struct RowTest {
  std::string what;
  kernels::RowFn row;
  int inputs;
  double (*formula)(double a, double b);
  int64_t n;
  Operand operand[3];  // output, a, b
  double tolerance = 0;
  // Other formulas that a mistake may compute, and what to say then.
  std::vector<std::pair<double (*)(double a, double b), std::string>> wrong = {};
};

template <class T>
std::vector<T> array_of_numbers() {
  std::vector<T> array;
  for (const float x : numbers(kRoom, 3)) array.push_back(static_cast<T>(2 * x));
  return array;
}

// The row as the contract says, in double; `steps`: by which steps the mistake goes, in elements.
template <class T>
std::vector<double> by_formula(const RowTest<T>& test, const std::vector<T>& array,
                               const int64_t* steps, int64_t n) {
  std::vector<double> out = doubles(array);
  for (int j = 0; j <= test.inputs; ++j) {  // a mistake may leave the array: then it is no guess
    const int64_t last = test.operand[j].first + std::max<int64_t>(n - 1, 0) * steps[j];
    if (last < 0 || last >= kRoom) return {};
  }
  for (int64_t i = 0; i < n; ++i) {
    double x[3] = {};
    for (int j = 0; j <= test.inputs; ++j)
      x[j] = static_cast<double>(array[static_cast<size_t>(test.operand[j].first + i * steps[j])]);
    const double y = test.formula(x[1], x[2]);
    out[static_cast<size_t>(test.operand[0].first + i * steps[0])] =
        static_cast<double>(static_cast<T>(y));
  }
  return out;
}

template <class T>
void run_row(const RowTest<T>& test, std::vector<T> array) {
  const std::vector<T> before = array;
  char* data[3] = {};
  int64_t step[3] = {}, elements[3] = {};
  const int64_t ones[3] = {1, 1, 1};
  int64_t bytes[3] = {};
  for (int j = 0; j <= test.inputs; ++j) {
    data[j] = reinterpret_cast<char*>(array.data() + test.operand[j].first);
    elements[j] = test.operand[j].step;
    step[j] = bytes[j] = elements[j] * static_cast<int64_t>(sizeof(T));
  }
  test.row(data, step, test.n, nullptr);
  const std::vector<double> expected = by_formula(test, before, elements, test.n);
  std::vector<Mistake> mistakes = {
      {doubles(before), "nothing was written"},
      {by_formula(test, before, ones, test.n),
       "the steps are ignored: element i of operand j lies at data[j] + i * step[j]"},
      {by_formula(test, before, elements, test.n - 1), "the last element of the row is missing"},
      {by_formula(test, before, elements, test.n + 1), "one element too many was written"},
      {by_formula(test, before, bytes, test.n),
       "the steps are counted in bytes: move the char pointer first, then read the element"},
  };
  for (const auto& [formula, cause] : test.wrong) {
    RowTest<T> other = test;
    other.formula = formula;
    mistakes.push_back({by_formula(other, before, elements, test.n), cause});
  }
  std::vector<double> zeros = expected, added = expected;
  for (size_t i = 0; i < added.size(); ++i)
    if (doubles(before)[i] != expected[i])
      added[i] = static_cast<double>(static_cast<T>(expected[i]) + before[i]);
  mistakes.push_back({added, "the result was added to what was there: the output is only written"});
  for (int64_t i = 0; i < test.n; ++i)
    zeros[static_cast<size_t>(test.operand[0].first + i * elements[0])] = 0;
  mistakes.push_back({zeros, "zeros were written"});
  values({.what = test.what + ", n = " + std::to_string(test.n) + ", steps of out, a, b: " +
                  std::to_string(elements[0]) + ", " + std::to_string(elements[1]) +
                  (test.inputs == 2 ? ", " + std::to_string(elements[2]) : "") +
                  " elements, the whole array around the row",
          .got = doubles(array),
          .expected = expected,
          .tolerance = test.tolerance,
          .invariant = invariant::kOnce,
          .mistakes = mistakes});
}

double add(double a, double b) {
  return a + b;
}
double mul(double a, double b) {
  return a * b;
}
double relu(double a, double) {
  return a > 0 ? a : 0;
}
double exponential(double a, double) {
  return std::exp(a);
}

double absolute(double a, double) {
  return std::abs(a);
}
double same(double a, double) {
  return a;
}
double one(double, double) {
  return 1;
}
double product_of_floats(double a, double b) {
  return static_cast<double>(static_cast<float>(a) * static_cast<float>(b));
}

// float: one rounding of the double result is what the row gives, but for e^a.
constexpr double kFloatExp = 3e-7, kDoubleExp = 1e-15;

template <class T>
RowTest<T> binary(const char* what, kernels::RowFn row, double (*formula)(double, double),
                  int64_t n, Operand out, Operand a, Operand b) {
  return {what, row,
          2,    formula,
          n,    {out, a, b},
          0,    {{product_of_floats, "computed in float: a row of doubles keeps their digits"}}};
}
template <class T>
RowTest<T> unary(const char* what, kernels::RowFn row, double (*formula)(double, double), int64_t n,
                 Operand out, Operand a, double tolerance = 0) {
  return {what,
          row,
          1,
          formula,
          n,
          {out, a, {0, 0}},
          tolerance,
          {{absolute, "negative numbers become 0, not positive"},
           {same, "the input was copied as it is"},
           {one, "aliasing: the output was written before the input was read"}}};
}

}  // namespace

TASK_TEST(rows, add_of_dense_operands) {
  for (const int64_t n : {0, 3, 2, 1, 7, 64, 65}) {
    run_row(binary<float>("add_row<float>", loops::add_row<float>, add, n, {130, 1}, {200, 1},
                          {270, 1}),
            array_of_numbers<float>());
    run_row(binary<double>("add_row<double>", loops::add_row<double>, add, n, {130, 1}, {200, 1},
                           {270, 1}),
            array_of_numbers<double>());
  }
}

TASK_TEST(rows, add_of_strided_operands) {
  run_row(
      binary<float>("add_row<float>", loops::add_row<float>, add, 13, {130, 2}, {200, 3}, {270, 1}),
      array_of_numbers<float>());
  run_row(binary<float>("add_row<float>", loops::add_row<float>, add, 13, {130, 1}, {200, -2},
                        {270, 5}),
          array_of_numbers<float>());
  run_row(binary<double>("add_row<double>", loops::add_row<double>, add, 9, {130, 4}, {200, 1},
                         {270, 2}),
          array_of_numbers<double>());
}

TASK_TEST(rows, add_repeats_an_operand_with_step_0) {
  run_row(
      binary<float>("add_row<float>", loops::add_row<float>, add, 13, {130, 1}, {200, 1}, {270, 0}),
      array_of_numbers<float>());
  run_row(
      binary<float>("add_row<float>", loops::add_row<float>, add, 13, {130, 1}, {200, 0}, {270, 2}),
      array_of_numbers<float>());
}

namespace {

// The output is the second input, element for element.
template <class T>
void in_place(const char* what, kernels::RowFn row, double (*formula)(double, double),
              const char* cause) {
  const std::vector<T> before = array_of_numbers<T>();
  std::vector<T> array = before;
  char* data[3] = {reinterpret_cast<char*>(array.data() + 100),
                   reinterpret_cast<char*>(array.data() + 200),
                   reinterpret_cast<char*>(array.data() + 100)};
  constexpr int64_t kItem = sizeof(T);
  const int64_t step[3] = {kItem, kItem, kItem};
  row(data, step, 21, nullptr);
  std::vector<double> expected = doubles(before), wrong = expected;
  for (size_t i = 0; i < 21; ++i) {
    const double a = static_cast<double>(before[200 + i]), b = static_cast<double>(before[100 + i]);
    expected[100 + i] = static_cast<double>(static_cast<T>(formula(a, b)));
    wrong[100 + i] = static_cast<double>(static_cast<T>(formula(a, a)));
  }
  values({.what = std::string(what) + ", the output is b",
          .got = doubles(array),
          .expected = expected,
          .invariant = invariant::kOnce,
          .mistakes = {{wrong, cause}}});
}

}  // namespace

TASK_TEST(rows, add_into_an_operand) {
  in_place<float>("add_row<float>", loops::add_row<float>, add,
                  "aliasing: the output was written before b was read");
}

TASK_TEST(rows, mul_of_any_operands) {
  for (const int64_t n : {0, 3, 1, 33})
    run_row(binary<float>("mul_row<float>", loops::mul_row<float>, mul, n, {130, 1}, {200, 1},
                          {270, 1}),
            array_of_numbers<float>());
  run_row(
      binary<float>("mul_row<float>", loops::mul_row<float>, mul, 13, {130, 2}, {200, 3}, {270, 0}),
      array_of_numbers<float>());
  run_row(binary<double>("mul_row<double>", loops::mul_row<double>, mul, 13, {130, 3}, {200, -1},
                         {270, 2}),
          array_of_numbers<double>());
}

TASK_TEST(rows, mul_into_an_operand) {
  in_place<float>("mul_row<float>", loops::mul_row<float>, mul,
                  "aliasing: the output was written before b was read");
}

TASK_TEST(rows, mul_of_doubles_keeps_their_digits) {
  std::vector<double> array = array_of_numbers<double>();
  for (double& x : array) x += 1e-10;
  run_row(binary<double>("mul_row<double>", loops::mul_row<double>, mul, 20, {130, 1}, {200, 1},
                         {270, 1}),
          array);
}

TASK_TEST(rows, relu_of_any_operand) {
  for (const int64_t n : {0, 3, 1, 64})
    run_row(unary<float>("relu_row<float>", loops::relu_row<float>, relu, n, {130, 1}, {200, 1}),
            array_of_numbers<float>());
  run_row(unary<double>("relu_row<double>", loops::relu_row<double>, relu, 20, {130, 3}, {200, 2}),
          array_of_numbers<double>());
  run_row(unary<float>("relu_row<float>", loops::relu_row<float>, relu, 20, {130, 1}, {130, 1}),
          array_of_numbers<float>());  // in place
}

TASK_TEST(rows, relu_keeps_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> in = {nan, -infinity, infinity, -nan, -1, 2, nan}, out(in.size(), 9);
  char* data[2] = {reinterpret_cast<char*>(out.data()), reinterpret_cast<char*>(in.data())};
  const int64_t step[2] = {4, 4};
  loops::relu_row<float>(data, step, 7, nullptr);
  const double expected_nan = std::numeric_limits<double>::quiet_NaN(),
               inf = std::numeric_limits<double>::infinity();
  const bool lost = !std::isnan(out[0]);
  if (lost)
    holds(false, "relu of NaN gave " + std::to_string(out[0]) + ", expected NaN", invariant::kOnce,
          "every comparison with a NaN is false: ask whether a < 0, not whether a > 0, so that a "
          "NaN stays");
  values({.what = "relu_row<float> of NaN, -inf, inf, -NaN, -1, 2, NaN",
          .got = doubles(out),
          .expected = {expected_nan, 0, inf, expected_nan, 0, 2, expected_nan},
          .invariant = invariant::kOnce});
}

TASK_TEST(rows, exp_of_any_operand) {
  for (const int64_t n : {0, 3, 1, 64})
    run_row(unary<float>("exp_row<float>", loops::exp_row<float>, exponential, n, {130, 1},
                         {200, 1}, kFloatExp),
            array_of_numbers<float>());
  run_row(unary<float>("exp_row<float>", loops::exp_row<float>, exponential, 20, {130, 4}, {200, 0},
                       kFloatExp),
          array_of_numbers<float>());
  run_row(unary<float>("exp_row<float>", loops::exp_row<float>, exponential, 20, {130, 1}, {130, 1},
                       kFloatExp),
          array_of_numbers<float>());  // in place
}

TASK_TEST(rows, exp_of_doubles_keeps_their_digits) {
  const std::vector<double> before = array_of_numbers<double>();
  std::vector<double> array = before;
  char* data[2] = {reinterpret_cast<char*>(array.data() + 100),
                   reinterpret_cast<char*>(array.data() + 200)};
  const int64_t step[2] = {8, 8};
  loops::exp_row<double>(data, step, 50, nullptr);
  std::vector<double> expected = before, as_float = before;
  for (size_t i = 0; i < 50; ++i) {
    expected[100 + i] = std::exp(before[200 + i]);
    as_float[100 + i] = static_cast<double>(std::exp(static_cast<float>(before[200 + i])));
  }
  values({.what = "exp_row<double>",
          .got = array,
          .expected = expected,
          .tolerance = kDoubleExp,
          .invariant = invariant::kOnce,
          .mistakes = {
              {as_float, "the exponential was taken in float: half of the digits are lost"}}});
}

TASK_TEST(rows, exp_at_the_edges) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> in = {0, -infinity, infinity, -200, 200, 1}, out(in.size(), 9);
  char* data[2] = {reinterpret_cast<char*>(out.data()), reinterpret_cast<char*>(in.data())};
  const int64_t step[2] = {4, 4};
  loops::exp_row<float>(data, step, 6, nullptr);
  const double inf = std::numeric_limits<double>::infinity();
  values({.what = "exp_row<float> of 0, -inf, inf, -200, 200, 1",
          .got = doubles(out),
          .expected = {1, 0, inf, 0, inf, std::exp(1.0)},
          .tolerance = kFloatExp,
          .invariant = invariant::kOnce});
}

}  // namespace tinytorch::check
