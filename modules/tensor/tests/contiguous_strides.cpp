// Task 1.5. The reference counts: the stride of a dimension is the number of index tuples that lie
// between two neighbours along it.
#include <algorithm>

#include "modules/tensor/tests/invariants.h"
#include "tinytorch/core/layout.h"

namespace tinytorch::check {

namespace {

std::vector<double> steps(const Shape& shape, int64_t least) {
  std::vector<double> out;
  for (int d = 0; d < shape.rank(); ++d) {
    int64_t count = 1;
    for (int right = d + 1; right < shape.rank(); ++right) count *= std::max(shape[right], least);
    out.push_back(static_cast<double>(count));
  }
  return out;
}

// The sizes to the left instead of to the right.
std::vector<double> column_major(const Shape& shape) {
  std::vector<double> out;
  int64_t count = 1;
  for (const int64_t size : shape) {
    out.push_back(static_cast<double>(count));
    count *= std::max<int64_t>(size, 1);
  }
  return out;
}

// Each stride times the dimension's own size, not that of its right neighbour.
std::vector<double> own_size(const Shape& shape) {
  std::vector<double> out(static_cast<size_t>(shape.rank()), 1);
  for (int d = shape.rank() - 2; d >= 0; --d)
    out[static_cast<size_t>(d)] =
        out[static_cast<size_t>(d) + 1] * static_cast<double>(std::max<int64_t>(shape[d], 1));
  return out;
}

// The loop stops before dimension 0.
std::vector<double> first_left_out(const Shape& shape) {
  std::vector<double> out = steps(shape, 1);
  if (!out.empty()) out[0] = 1;
  return out;
}

void check_strides(const Shape& shape) {
  values(
      {.what = "contiguous_strides(" + shape.str() + ")",
       .got = doubles(contiguous_strides(shape)),
       .expected = steps(shape, 1),
       .invariant = invariant::kRowMajor,
       .mistakes = {
           {column_major(shape),
            "the strides grow from the left (column-major); row-major ones grow from the right"},
           {own_size(shape),
            "each stride is multiplied by its own dimension's size; it takes the size to its "
            "right"},
           {steps(shape, 0), "a size of 0 makes every stride to its left 0; it counts as 1"},
           {std::vector<double>(static_cast<size_t>(shape.rank()), 1),
            "every stride is 1: neighbours of all dimensions would be the same element"},
           {first_left_out(shape), "the first dimension is left out: the loop ends one too early"},
       }});
}

}  // namespace

TASK_TEST(contiguous_strides, of_three_dimensions) {
  check_strides({2, 3, 4});
}

TASK_TEST(contiguous_strides, of_any_rank) {
  check_strides({});
  check_strides({7});
  check_strides({5, 3});
  check_strides({1, 6, 1, 2});
  check_strides({3, 1, 4, 1, 5, 9, 2, 6});
}

TASK_TEST(contiguous_strides, of_a_zero_size) {
  check_strides({2, 0, 4});
  check_strides({3, 2, 0});
  check_strides({0});
}

}  // namespace tinytorch::check
