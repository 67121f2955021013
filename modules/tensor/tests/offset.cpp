// Task 1.4: where an element lies.
#include "modules/tensor/tests/layout.h"

namespace tinytorch::check {

namespace {

// What a mistake makes of each index.
template <class F>
std::vector<double> each(const Layout& x, F at) {
  std::vector<double> out;
  for (const auto& index : indices(x.shape)) out.push_back(static_cast<double>(at(index)));
  return out;
}

int64_t as_if_contiguous(const Layout& x, const std::vector<int64_t>& index) {
  int64_t at = 0;
  for (size_t d = 0; d < index.size(); ++d) at = at * x.shape[static_cast<int>(d)] + index[d];
  return x.offset + at;
}

int64_t backwards(const Layout& x, const std::vector<int64_t>& index) {
  int64_t at = x.offset;
  for (size_t d = 0; d < index.size(); ++d)
    at += index[d] * x.strides[static_cast<int>(index.size() - 1 - d)];
  return at;
}

void check_offsets(const Layout& x) {
  Layout no_offset = x;
  no_offset.offset = 0;
  Layout no_last = x;
  if (x.shape.rank() > 0) no_last.strides[x.shape.rank() - 1] = 0;
  values({.what = "offset_of({" + text_of(x) + "}, every index)",
          .got = each(x, [&](const auto& index) { return offset_of(x, index); }),
          .expected = addresses(x),
          .shape = x.shape,
          .invariant = invariant::kAddress,
          .mistakes = {
              {addresses(no_offset),
               "the layout's own offset is missing: a view may begin anywhere in its storage"},
              {each(x, [&](const auto& index) { return as_if_contiguous(x, index); }),
               "the shape was used in place of the strides: that is right in a contiguous tensor "
               "only"},
              {addresses(no_last), "the last dimension is left out"},
              {std::vector<double>(indices(x.shape).size(), static_cast<double>(x.offset)),
               "the index is not used: every element at the same place"},
              {each(x, [&](const auto& index) { return backwards(x, index); }),
               "the strides are taken in the wrong order: index[d] goes with strides[d]"},
          }});
}

}  // namespace

TASK_TEST(offset, of_contiguous_tensors) {
  check_offsets({{2, 3, 4}, {12, 4, 1}, 0});
  check_offsets({{5}, {1}, 0});
}

TASK_TEST(offset, of_views) {
  check_offsets({{3, 4, 2}, {1, 3, 12}, 0});  // transposed
  check_offsets({{2, 3}, {20, 2}, 7});        // narrowed, every second column
  check_offsets({{4, 1, 3}, {0, 1, 5}, 2});   // expanded
  check_offsets({{2, 2, 2, 2, 2}, {3, 50, 7, 0, 100}, 11});
}

TASK_TEST(offset, of_a_scalar) {
  check_offsets({{}, {}, 0});
  check_offsets({{}, {}, 42});
}

}  // namespace tinytorch::check
