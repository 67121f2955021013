// Task 1.7: permute, narrow and expand give the same elements other names. A view is judged by the
// address of each of its elements, so that any strides that lead there are right.
#include <array>

#include "modules/tensor/tests/layout.h"
#include "tinytorch/core/tensor.h"

namespace tinytorch::check {

namespace {

// What is expected of a view: where each of its elements lies.
struct Expected {
  std::string what;
  Shape shape;
  std::vector<double> addresses;
};

struct Plausible {
  Layout layout;
  std::string cause;
};

void check_view(const Expected& expected, const Layout& got, const std::vector<Plausible>& wrong) {
  values({.what = expected.what + ": shape",
          .got = doubles(got.shape),
          .expected = doubles(expected.shape),
          .invariant = invariant::kView,
          .mistakes = [&] {
            std::vector<Mistake> mistakes;
            for (const Plausible& each : wrong)
              mistakes.push_back({doubles(each.layout.shape), each.cause});
            return mistakes;
          }()});
  holds(got.strides.rank() == got.shape.rank(),
        expected.what + ": " + std::to_string(got.strides.rank()) + " strides for shape " +
            got.shape.str(),
        invariant::kView, "each dimension of the view has a stride");
  values({.what = expected.what + ": where the elements lie",
          .got = addresses(got),
          .expected = expected.addresses,
          .shape = expected.shape,
          .invariant = invariant::kView,
          .mistakes = [&] {
            std::vector<Mistake> mistakes;
            for (const Plausible& each : wrong)
              if (each.layout.shape == expected.shape)
                mistakes.push_back({addresses(each.layout), each.cause});
            return mistakes;
          }()});
}

void check_permute(const Layout& x, const std::vector<int>& dims) {
  Expected expected{"permute_layout({" + text_of(x) + "}, [", {}, {}};
  Layout inverse = x, shape_only{{}, x.strides, x.offset}, at_zero{{}, {}, 0};
  for (size_t i = 0; i < dims.size(); ++i) {
    expected.what += (i ? ", " : "") + std::to_string(dims[i]);
    expected.shape.push_back(x.shape[dims[i]]);
    shape_only.shape.push_back(x.shape[dims[i]]);
    at_zero.shape.push_back(x.shape[dims[i]]);
    at_zero.strides.push_back(x.strides[dims[i]]);
    inverse.shape[dims[i]] = x.shape[static_cast<int>(i)];
    inverse.strides[dims[i]] = x.strides[static_cast<int>(i)];
  }
  expected.what += "])";
  for (const auto& index : indices(expected.shape)) {
    std::vector<int64_t> source(index.size());  // dimension i of the view is dims[i] of x
    for (size_t i = 0; i < dims.size(); ++i) source[static_cast<size_t>(dims[i])] = index[i];
    expected.addresses.push_back(static_cast<double>(address(x, source)));
  }
  check_view(expected, permute_layout(x, dims),
             {{x, "nothing was permuted"},
              {inverse,
               "the inverse permutation: dimension i of the view is dims[i] of x, not the other "
               "way round"},
              {shape_only, "the shape was permuted, the strides were not"},
              {at_zero, "the offset was lost: a view begins where x begins"}});
}

void check_narrow(const Layout& x, int dim, int64_t start, int64_t length, int64_t step) {
  Expected expected{"narrow_layout({" + text_of(x) + "}, dim " + std::to_string(dim) + ", start " +
                        std::to_string(start) + ", length " + std::to_string(length) + ", step " +
                        std::to_string(step) + ")",
                    x.shape,
                    {}};
  expected.shape[dim] = length;
  for (const auto& index : indices(expected.shape)) {
    std::vector<int64_t> source = index;
    int64_t& i = source[static_cast<size_t>(dim)];
    i = start + i * step;
    expected.addresses.push_back(static_cast<double>(address(x, source)));
  }
  Layout from_start = x, in_elements = x, no_step = x, offset_lost = x, stepped_start = x;
  for (Layout* each : {&from_start, &in_elements, &no_step, &offset_lost, &stepped_start})
    each->shape[dim] = length, each->strides[dim] *= step;
  in_elements.offset += start;
  no_step.strides[dim] = x.strides[dim];
  no_step.offset += start * x.strides[dim];
  offset_lost.offset = start * x.strides[dim];
  stepped_start.offset += start * x.strides[dim] * step;
  check_view(
      expected, narrow_layout(x, dim, start, length, step),
      {{from_start, "the view begins at index 0: its offset must skip `start` indices"},
       {in_elements,
        "the offset moved by `start` elements: one index along dim is strides[dim] elements"},
       {no_step, "the step is ignored: neighbours of the view are `step` indices of x apart"},
       {offset_lost, "the offset of x was overwritten: the view begins behind where x begins"},
       {stepped_start, "start is multiplied by the step: it counts indices of x"},
       {x, "the size along dim is that of x: it becomes `length`"}});
}

void check_expand(const Layout& x, const Shape& shape) {
  Expected expected{"expand_layout({" + text_of(x) + "}, " + shape.str() + ")", shape, {}};
  const int extra = shape.rank() - x.shape.rank();
  for (const auto& index : indices(shape)) {
    std::vector<int64_t> source;
    for (int d = 0; d < x.shape.rank(); ++d)
      source.push_back(x.shape[d] == 1 ? 0 : index[static_cast<size_t>(d + extra)]);
    expected.addresses.push_back(static_cast<double>(address(x, source)));
  }
  Layout kept{shape, Dims::filled(shape.rank(), 0), x.offset}, left = kept, at_zero = kept,
                                                               fresh = kept, nothing = kept;
  for (int d = 0; d < x.shape.rank(); ++d) {
    kept.strides[d + extra] = x.strides[d];
    if (x.shape[d] == shape[d]) left.strides[d] = x.strides[d];
    if (x.shape[d] != 1) at_zero.strides[d + extra] = x.strides[d];
  }
  at_zero.offset = 0;
  int64_t stride = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    fresh.strides[d] = stride;
    stride *= shape[d];
  }
  check_view(
      expected, expand_layout(x, shape),
      {{at_zero, "the offset was lost: a view begins where x begins"},
       {nothing, "every stride is 0: the view is one element, again and again"},
       {left, "the dimensions are aligned at the left: new ones are added there"},
       {kept, "a stretched dimension keeps its stride: it takes 0, so that it stays in place"},
       {fresh, "the view has contiguous strides: it walks over memory that x does not have"}});
}

}  // namespace

TASK_TEST(permute, names_the_same_elements) {
  check_permute({{2, 3}, {3, 1}, 0}, {1, 0});
  check_permute({{2, 3, 4}, {12, 4, 1}, 0}, {2, 0, 1});
  check_permute({{2, 3, 4, 5}, {60, 20, 5, 1}, 0}, {3, 1, 0, 2});
  check_permute({{4}, {1}, 0}, {0});
  check_permute({{}, {}, 3}, {});
}

TASK_TEST(permute, of_a_view) {
  check_permute({{3, 2, 2}, {1, 20, 6}, 9}, {1, 2, 0});
  check_permute({{2, 5}, {0, 2}, 4}, {1, 0});
}

TASK_TEST(narrow, keeps_a_run_of_indices) {
  check_narrow({{5, 4}, {4, 1}, 0}, 0, 2, 3, 1);
  check_narrow({{5, 4}, {4, 1}, 0}, 1, 1, 2, 1);
  check_narrow({{3, 4, 5}, {20, 5, 1}, 0}, 1, 3, 1, 1);
  check_narrow({{6}, {1}, 0}, 0, 0, 6, 1);
  check_narrow({{6, 2}, {2, 1}, 0}, 0, 6, 0, 1);
}

TASK_TEST(narrow, with_a_step) {
  check_narrow({{9}, {1}, 0}, 0, 0, 5, 2);
  check_narrow({{5, 7}, {7, 1}, 0}, 1, 1, 2, 3);
  check_narrow({{5, 7}, {7, 1}, 0}, 0, 1, 2, 2);
}

TASK_TEST(narrow, of_a_view) {
  check_narrow({{4, 5}, {1, 4}, 3}, 1, 2, 2, 2);
  check_narrow({{4, 5}, {10, 2}, 30}, 0, 1, 2, 1);
}

TASK_TEST(expand, repeats_without_memory) {
  check_expand({{3, 1}, {1, 1}, 0}, {3, 4});
  check_expand({{1, 3}, {3, 1}, 0}, {4, 3});
  check_expand({{2, 1, 3}, {3, 3, 1}, 5}, {2, 4, 3});
  check_expand({{2, 3}, {3, 1}, 0}, {2, 3});
}

TASK_TEST(expand, adds_dimensions_at_the_left) {
  check_expand({{3}, {1}, 2}, {3, 3});
  check_expand({{3}, {1}, 2}, {2, 3});
  check_expand({{3, 1}, {1, 3}, 0}, {3, 3, 2});
  check_expand({{}, {}, 6}, {2, 2});
}

TASK_TEST(views, never_copy) {
  const Tensor x = Tensor::of({0, 1, 2, 3, 4, 5}, Shape{2, 3});
  const int64_t before = memory_stats().allocations;
  const Tensor transposed = x.t(), second = x.narrow(1, 1, 1), wide = second.expand({2, 4});
  that(memory_stats().allocations == before, "taking views allocated memory",
       "a view is a layout over the same storage: nothing is copied");
  x.data<float>()[4] = 40;  // x[1][1]
  values({.what = "after x[1][1] = 40: x.t()[1][1], x.narrow(1, 1, 1)[1][0], its expand[1][3]",
          .got = {transposed[1][1].item(), second[1][0].item(), wide[1][3].item()},
          .expected = {40, 40, 40},
          .invariant = invariant::kView});
}

}  // namespace tinytorch::check
