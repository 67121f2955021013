// Task 1.10: the strided walk. Its row function here writes down where it is called.
#include "tinytorch/kernels/walk.h"

#include <cstring>

#include "modules/tensor/tests/invariants.h"

namespace tinytorch::check {

namespace {

// Rows as they come: for each, the offset of every operand from where it began, then n.
struct Record {
  int operands;
  char* begin[kernels::kMaxOperands];
  std::vector<double> entries;
  std::vector<double> steps;
};

void write_down(char* const* data, const int64_t* step, int64_t n, const void* params) {
  auto* record = static_cast<Record*>(const_cast<void*>(params));
  if (record->entries.size() > 100'000)
    that(false, "the walk does not end", "the odometer never gets past its first dimension");
  for (int j = 0; j < record->operands; ++j) {
    record->entries.push_back(static_cast<double>(data[j] - record->begin[j]));
    record->steps.push_back(static_cast<double>(step[j]));
  }
  record->entries.push_back(static_cast<double>(n));
}

Record walk_and_record(const Shape& shape, const std::vector<Strides>& strides) {
  static char memory[1 << 16];
  Record record{static_cast<int>(strides.size()), {}, {}, {}};
  kernels::WalkArgs args;
  args.operands = record.operands;
  args.shape = shape;
  for (int j = 0; j < args.operands; ++j) {
    args.data[j] = record.begin[j] = memory + (1 << 15) + j;
    args.stride[j] = strides[static_cast<size_t>(j)];
  }
  args.row = write_down;
  args.params = &record;
  kernels::loops::walk(args);
  return record;
}

// The rows that must come: an outer loop that counts, and the address of each index.
std::vector<double> rows_of(const Shape& shape, const std::vector<Strides>& strides) {
  std::vector<double> out;
  const int rank = shape.rank();
  int64_t rows = 1;
  for (int d = 0; d + 1 < rank; ++d) rows *= shape[d];
  for (int64_t row = 0; row < rows; ++row) {
    for (const Strides& stride : strides) {
      int64_t rest = row, at = 0;
      for (int d = rank - 2; d >= 0; --d) {
        at += rest % shape[d] * stride[d];
        rest /= shape[d];
      }
      out.push_back(static_cast<double>(at));
    }
    out.push_back(static_cast<double>(rank > 0 ? shape[rank - 1] : 1));
  }
  return out;
}

void check_walk(const Shape& shape, const std::vector<Strides>& strides) {
  const Record record = walk_and_record(shape, strides);
  const std::vector<double> expected = rows_of(shape, strides);
  const size_t entry = strides.size() + 1;
  const std::string what =
      "walk over shape " + shape.str() + ", " + std::to_string(strides.size()) + " operands";
  if (record.entries.size() != expected.size()) {
    const size_t got = record.entries.size() / entry, wanted = expected.size() / entry;
    const bool single = got > wanted && got == static_cast<size_t>(shape.product());
    holds(false, what + ": " + std::to_string(got) + " rows, expected " + std::to_string(wanted),
          invariant::kOnce,
          single         ? "slow: one call for each element; a row is the whole innermost dimension"
          : got < wanted ? "outer dimensions are left out: every one of them must count"
                         : "rows come more than once");
  }
  std::vector<double> never_back = expected, only_first = expected;
  {
    // What a walk gives that sets an index back but not the addresses.
    std::vector<int64_t> index(static_cast<size_t>(std::max(shape.rank(), 1)), 0);
    std::vector<int64_t> at(strides.size(), 0);
    size_t k = 0;
    for (size_t row = 0; row < expected.size() / entry; ++row) {
      for (size_t j = 0; j < strides.size(); ++j) never_back[k++] = static_cast<double>(at[j]);
      ++k;
      int d = shape.rank() - 2;
      while (d >= 0 && index[static_cast<size_t>(d)] == shape[d] - 1)
        index[static_cast<size_t>(d--)] = 0;
      if (d < 0) break;
      ++index[static_cast<size_t>(d)];
      for (size_t j = 0; j < strides.size(); ++j) at[j] += strides[j][d];
    }
    for (size_t i = 0; i < only_first.size(); ++i)
      if (i % entry != 0 && i % entry != entry - 1) only_first[i] = 0;
  }
  values({.what = what + ": for each row, how far each operand moved (bytes), and n",
          .got = record.entries,
          .expected = expected,
          .invariant = invariant::kAddress,
          .mistakes = {
              {never_back,
               "an index that is full goes back to 0, but the addresses do not go back with it"},
              {only_first, "only operand 0 moves: every operand has strides of its own"},
          }});
  std::vector<double> steps;
  for (size_t row = 0; row < expected.size() / entry; ++row)
    for (const Strides& stride : strides)
      steps.push_back(shape.rank() > 0 ? static_cast<double>(stride[shape.rank() - 1]) : 0);
  if (shape.rank() > 0)
    values({.what = what + ": the steps that the rows get",
            .got = record.steps,
            .expected = steps,
            .invariant = invariant::kAddress,
            .mistakes = {{std::vector<double>(steps.size(), 4),
                          "a row's steps are the strides of the last dimension, not the size of an "
                          "element"}}});
}

}  // namespace

TASK_TEST(walk, of_one_row) {
  check_walk({5}, {{4}});
  check_walk({1}, {{4}, {8}});
  check_walk({7}, {{4}, {0}, {-12}});
}

TASK_TEST(walk, of_rows_in_order) {
  check_walk({3, 4}, {{16, 4}});
  check_walk({3, 4}, {{16, 4}, {4, 12}});
  check_walk({2, 3, 4}, {{48, 16, 4}});
}

TASK_TEST(walk, moves_every_operand_by_its_strides) {
  check_walk({2, 3, 4}, {{48, 16, 4}, {4, 8, 24}, {0, 4, 0}});
  check_walk({3, 2, 5, 2}, {{80, 40, 8, 4}, {0, 0, 4, 20}, {-4, 100, 12, 1}});
  check_walk({2, 1, 3, 1, 2}, {{24, 7, 8, 7, 4}, {4, 9, 16, 9, 8}});
}

TASK_TEST(walk, of_eight_dimensions) {
  check_walk({2, 2, 3, 1, 2, 2, 1, 3},
             {{512, 256, 85, 77, 40, 20, 5, 4}, {1, 2, 4, 0, 12, 24, 0, 48}});
}

TASK_TEST(walk, of_a_scalar) {
  const Record record = walk_and_record({}, {{}, {}});
  values({.what = "walk of a shape without dimensions: how far each operand moved, and n",
          .got = record.entries,
          .expected = {0, 0, 1},
          .invariant = invariant::kOnce,
          .mistakes = {{{}, "a scalar is one row of one element"}}});
}

TASK_TEST(walk, of_an_empty_shape) {
  for (const Shape& shape : {Shape{0}, Shape{3, 0}, Shape{0, 3}, Shape{2, 0, 3}}) {
    const Record record = walk_and_record(shape, {Dims::filled(shape.rank(), 4)});
    holds(record.entries.empty(),
          "walk over shape " + shape.str() + " called the row " +
              std::to_string(record.entries.size() / 2) + " times, expected none",
          invariant::kOnce, "a size of 0 anywhere means that there is no element and no row");
  }
}

}  // namespace tinytorch::check
