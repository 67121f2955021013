// Task 1.8: the same elements, in the same order, cut into other dimensions. The judge knows by
// trying: strides exist when stepping one index further always moves the address by the same.
#include <optional>

#include "modules/tensor/tests/layout.h"
#include "tinytorch/core/tensor.h"

namespace tinytorch::check {

namespace {

// Whether strides for `shape` lead to these addresses.
bool is_possible(const Shape& shape, const std::vector<double>& wanted) {
  Layout out{shape, Dims::filled(shape.rank(), 0), static_cast<int64_t>(wanted[0])};
  int64_t count = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    if (shape[d] > 1)
      out.strides[d] = static_cast<int64_t>(wanted[static_cast<size_t>(count)] - wanted[0]);
    count *= shape[d];
  }
  return addresses(out) == wanted;
}

std::string what_of(const Layout& x, const Shape& shape) {
  return "reshape_layout({" + text_of(x) + "}, " + shape.str() + ")";
}

Layout row_major(const Shape& shape, int64_t offset) {
  Layout out{shape, Dims::filled(shape.rank(), 1), offset};
  for (int d = shape.rank() - 2; d >= 0; --d) out.strides[d] = out.strides[d + 1] * shape[d + 1];
  return out;
}

void check_reshape(const Layout& x, const Shape& shape) {
  const std::vector<double> wanted = addresses(x);
  const bool possible = is_possible(shape, wanted);
  const std::optional<Layout> got = reshape_layout(x, shape);
  if (!possible) {
    holds(!got.has_value(), what_of(x, shape) + " gave a view; no strides lead to the elements",
          invariant::kView,
          got && addresses(*got) == addresses(row_major(shape, x.offset))
              ? "contiguous strides were given to a tensor that is not contiguous"
              : "a new dimension runs across a place where memory jumps: that needs a copy");
    return;
  }
  const bool is_row_major = wanted == addresses(row_major(x.shape, x.offset));
  holds(got.has_value(), what_of(x, shape) + " asks for a copy; a view is possible",
        invariant::kView,
        is_row_major ? "a needless copy of a contiguous tensor: any shape is a view of it"
                     : "a needless copy: x is not contiguous, but each of its runs may be cut and "
                       "neighbours merged");
  that(got->shape == shape && got->strides.rank() == shape.rank(),
       what_of(x, shape) + " has the shape " + got->shape.str(),
       "the view has the shape asked for");
  values({.what = what_of(x, shape) + ": where the elements lie",
          .got = addresses(*got),
          .expected = wanted,
          .shape = shape,
          .invariant = invariant::kView,
          .mistakes = {{[&] {
                          std::vector<double> lost = wanted;
                          for (double& at : lost) at -= static_cast<double>(x.offset);
                          return lost;
                        }(),
                        "the offset was lost: a view begins where x begins"},
                       {addresses(row_major(shape, x.offset)),
                        "contiguous strides were given to a tensor that is not contiguous"}}});
}

// All shapes of `count` elements in up to `rank` dimensions, none of them 1.
void each_shape(int64_t count, int rank, const Shape& head, const std::function<void(Shape)>& fn) {
  if (rank == 0) {
    if (count == 1) fn(head);
    return;
  }
  if (count == 1) fn(head);
  for (int64_t size = 2; size <= count; ++size)
    if (count % size == 0) {
      Shape next = head;
      next.push_back(size);
      each_shape(count / size, rank - 1, next, fn);
    }
}

}  // namespace

TASK_TEST(reshape, of_a_contiguous_tensor) {
  check_reshape({{2, 6}, {6, 1}, 0}, {3, 4});
  check_reshape({{2, 3, 4}, {12, 4, 1}, 0}, {24});
  check_reshape({{24}, {1}, 5}, {2, 3, 4});
  check_reshape({{}, {}, 7}, {1, 1});
  check_reshape({{1, 1}, {4, 4}, 7}, {});
}

TASK_TEST(reshape, cuts_and_merges_inside_a_run) {
  check_reshape({{4, 6}, {1, 4}, 0}, {4, 2, 3});       // a transposed matrix: cut its columns
  check_reshape({{4, 6}, {1, 4}, 0}, {2, 2, 6});       // or its rows
  check_reshape({{3, 4, 5}, {40, 5, 1}, 2}, {3, 20});  // a narrowed one: merge what lies together
  check_reshape({{2, 3, 4}, {1, 8, 2}, 0}, {2, 12});
}

TASK_TEST(reshape, across_runs_needs_a_copy) {
  check_reshape({{4, 6}, {1, 4}, 0}, {24});
  check_reshape({{4, 6}, {1, 4}, 0}, {6, 4});
  check_reshape({{3, 4}, {5, 1}, 0}, {12});
  check_reshape({{3, 4, 5}, {40, 5, 1}, 0}, {12, 5});
}

TASK_TEST(reshape, sizes_of_one) {
  check_reshape({{4, 1, 6}, {1, 99, 4}, 3}, {4, 6});
  check_reshape({{4, 6}, {1, 4}, 3}, {1, 4, 1, 6, 1});
  check_reshape({{3, 1}, {1, 7}, 0}, {3});
  check_reshape({{1, 3}, {7, 2}, 0}, {3, 1});
  check_reshape({{2, 1, 2, 1}, {2, 5, 1, 9}, 0}, {4});
}

TASK_TEST(reshape, of_repeated_elements) {
  check_reshape({{3, 4}, {0, 0}, 2}, {12});  // one element, again and again
  check_reshape({{3, 4}, {0, 1}, 0}, {3, 2, 2});
  check_reshape({{3, 4}, {0, 1}, 0}, {12});  // a row, three times
  check_reshape({{3, 4}, {1, 0}, 0}, {3, 2, 2});
}

TASK_TEST(reshape, of_an_empty_tensor) {
  for (const Layout& x : {Layout{{0, 3}, {3, 1}, 4}, Layout{{3, 0, 2}, {1, 9, 9}, 0}})
    for (const Shape& shape : {Shape{0}, Shape{5, 0}, Shape{0, 7, 2}}) {
      const std::optional<Layout> got = reshape_layout(x, shape);
      that(got.has_value() && got->shape == shape && got->strides.rank() == shape.rank(),
           what_of(x, shape) + " gave no view of that shape",
           "an empty tensor has no element to be out of place: any empty shape is a view");
    }
}

TASK_TEST(reshape, every_shape_of_many_layouts) {
  const Layout layouts[] = {{{2, 3, 4}, {12, 4, 1}, 0},       {{4, 3, 2}, {1, 4, 12}, 1},
                            {{2, 3, 4}, {4, 8, 1}, 0},        {{2, 3, 4}, {30, 10, 2}, 6},
                            {{2, 3, 4}, {24, 4, 1}, 0},       {{6, 4}, {0, 1}, 0},
                            {{2, 2, 3, 2}, {1, 2, 4, 12}, 0}, {{2, 2, 3, 2}, {6, 12, 2, 1}, 3}};
  for (const Layout& x : layouts)
    each_shape(24, 4, {}, [&](const Shape& shape) { check_reshape(x, shape); });
}

TASK_TEST(reshape, of_tensors_does_not_copy) {
  const Tensor x = zeros({6, 4});
  const int64_t before = memory_stats().allocations;
  const Tensor flat = x.reshape({24}), cut = x.t().reshape({2, 2, 6});
  holds(memory_stats().allocations == before && flat.storage() == x.storage() &&
            cut.storage() == x.storage(),
        "x.reshape({24}) or x.t().reshape({2, 2, 6}) allocated memory", invariant::kView,
        "a needless copy: Tensor::reshape copies only when reshape_layout gives nothing");
}

}  // namespace tinytorch::check
