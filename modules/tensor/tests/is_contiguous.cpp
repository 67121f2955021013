// Task 1.6: whether walking a tensor in row-major order walks memory without gaps.
#include "modules/tensor/tests/layout.h"

namespace tinytorch::check {

namespace {

void expect(bool wanted, const Shape& shape, const Strides& strides, const std::string& cause) {
  holds(is_contiguous(shape, strides) == wanted,
        "is_contiguous(" + shape.str() + ", strides " + strides.str() + ") is " +
            (wanted ? "false" : "true") + ", expected " + (wanted ? "true" : "false"),
        invariant::kRowMajor, cause);
}

}  // namespace

TASK_TEST(contiguous, of_row_major_tensors) {
  const std::string cause =
      "the stride that leaves no gap is the product of the sizes to the right";
  expect(true, {2, 3, 4}, {12, 4, 1}, cause);
  expect(true, {7}, {1}, cause);
  expect(true, {5, 2}, {2, 1}, cause);
  expect(true, {}, {}, "a scalar is one element: there is nothing to have a gap");
}

TASK_TEST(contiguous, not_in_another_order) {
  expect(false, {3, 2}, {1, 3}, "a transposed matrix is walked with jumps: each stride counts");
  expect(false, {2, 3, 4}, {4, 8, 1}, "the strides must fall from left to right, each exactly");
  expect(false, {4}, {2}, "the last stride must be 1: here every second element is skipped");
}

TASK_TEST(contiguous, not_with_gaps) {
  const std::string cause =
      "a gap between rows: a stride must be exactly the product of the sizes to the right";
  expect(false, {3, 2}, {5, 1}, cause);
  expect(false, {2, 3, 4}, {24, 4, 1}, cause);
  expect(false, {2, 3}, {0, 1},
         "a stride of 0 visits the same elements again: memory is not walked in order");
}

TASK_TEST(contiguous, sizes_of_one_have_any_stride) {
  const std::string cause =
      "no step is ever taken along a dimension of size 1: its stride does not matter";
  expect(true, {1, 3}, {99, 1}, cause);
  expect(true, {3, 1}, {1, 7}, cause);
  expect(true, {2, 1, 4}, {4, 0, 1}, cause);
  expect(true, {1, 1}, {5, 5}, cause);
  expect(false, {1, 3, 1}, {1, 2, 1}, "only dimensions of size 1 may have any stride");
}

TASK_TEST(contiguous, of_an_empty_tensor) {
  const std::string cause = "an empty tensor has no element to be out of place";
  expect(true, {0}, {9}, cause);
  expect(true, {0, 3}, {5, 5}, cause);
  expect(true, {3, 0}, {7, 1}, cause);
  expect(true, {4, 0, 2}, {1, 1, 3}, cause);
}

}  // namespace tinytorch::check
