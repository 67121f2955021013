// Task 1.11: one row of a strided copy.
#include <chrono>
#include <cstring>

#include "modules/tensor/tests/invariants.h"
#include "tinytorch/core/tensor.h"
#include "tinytorch/kernels/walk.h"

namespace tinytorch::check {

namespace {

using Bytes = std::vector<unsigned char>;

constexpr size_t kSource = 300, kTarget = 1500, kRoom = 3000;

// What the contract says, byte by byte.
Bytes copied(Bytes memory, int64_t to, int64_t from, int64_t n, int64_t item) {
  const Bytes before = memory;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < item; ++k)
      memory[kTarget + static_cast<size_t>(i * to + k)] =
          before[kSource + static_cast<size_t>(i * from + k)];
  return memory;
}

void check_copy(int64_t to, int64_t from, int64_t n, int64_t item) {
  Bytes memory(kRoom);
  for (size_t i = 0; i < kRoom; ++i) memory[i] = static_cast<unsigned char>(i * 7 + i / 256);
  const Bytes before = memory;
  char* data[2] = {reinterpret_cast<char*>(memory.data() + kTarget),
                   reinterpret_cast<char*>(memory.data() + kSource)};
  const int64_t step[2] = {to, from};
  kernels::loops::copy_row(data, step, n, item);
  Bytes swapped = before;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < item; ++k)
      swapped[kSource + static_cast<size_t>(i * from + k)] =
          before[kTarget + static_cast<size_t>(i * to + k)];
  values({.what = "copy_row of " + std::to_string(n) + " items of " + std::to_string(item) +
                  " bytes, steps " + std::to_string(to) + " (target) and " + std::to_string(from) +
                  " (source); all bytes around",
          .got = doubles(memory),
          .expected = doubles(copied(before, to, from, n, item)),
          .invariant = invariant::kOnce,
          .mistakes = {
              {doubles(before), "nothing was copied"},
              {doubles(swapped), "data[0] is the target, data[1] the source: they are swapped"},
              {doubles(copied(before, item, item, n, item)),
               "the whole row was copied as one piece; that is right only when both steps are the "
               "item's size"},
              {doubles(copied(before, to, from, n - 1, item)), "the last item is missing"},
              {doubles(copied(before, to, from, n, 4)),
               "four bytes an item were copied: an item has `item` bytes"},
              {doubles(copied(before, to, from, n, 1)),
               "one byte of each item was copied: an item has `item` bytes"},
          }});
}

double nanoseconds(const std::function<void()>& fn) {
  double best = 1e18;
  for (int trial = 0; trial < 7; ++trial) {
    const auto start = std::chrono::steady_clock::now();
    fn();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count());
  }
  return best;
}

}  // namespace

TASK_TEST(copy_row, of_dense_items) {
  for (const int64_t item : {1, 2, 4, 8})
    for (const int64_t n : {0, 1, 3, 17, 100}) check_copy(item, item, n, item);
}

TASK_TEST(copy_row, of_strided_items) {
  for (const int64_t item : {1, 2, 4, 8}) {
    check_copy(item, 3 * item, 11, item);
    check_copy(5 * item, item, 11, item);
    check_copy(2 * item, 3 * item, 11, item);
    check_copy(item, -2 * item, 11, item);
  }
}

TASK_TEST(copy_row, repeats_an_item_with_step_0) {
  for (const int64_t item : {1, 2, 4, 8}) check_copy(item, 0, 9, item);
}

TASK_TEST(copy_row, of_a_transposed_tensor) {
  std::vector<float> x = numbers(15, 4);
  const Tensor copy = from_vector(x, {3, 5}).t().contiguous();
  std::vector<double> expected;
  for (size_t column = 0; column < 5; ++column)
    for (size_t row = 0; row < 3; ++row) expected.push_back(x[row * 5 + column]);
  values({.what = "x.t().contiguous() of a 3 x 5 tensor",
          .got = doubles(to_vector<float>(copy)),
          .expected = expected,
          .shape = {5, 3},
          .invariant = invariant::kAddress});
}

// A dense row is one memcpy. Item by item it takes ten times as long and more, on any machine.
TASK_TEST(copy_row, of_dense_items_is_one_piece) {
  constexpr int64_t kItems = 100'000;
  std::vector<float> from(kItems, 1), to(kItems, 2);
  char* data[2] = {reinterpret_cast<char*>(to.data()), reinterpret_cast<char*>(from.data())};
  const int64_t step[2] = {4, 4};
  const double row = nanoseconds([&] { kernels::loops::copy_row(data, step, kItems, 4); });
  const double piece = nanoseconds([&] { std::memcpy(to.data(), from.data(), kItems * 4); });
  that(row < 4 * piece + 10'000,
       "a dense row of 400 kB took " + std::to_string(static_cast<int64_t>(row)) +
           " ns, one memcpy " + std::to_string(static_cast<int64_t>(piece)) + " ns",
       "slow: dense items are copied one by one; when both steps are the item's size the row is "
       "one piece");
}

}  // namespace tinytorch::check
