#include "tinytorch/kernels/index.h"

#include "row_test_util.h"

namespace tinytorch::kernels {
namespace {

using namespace tinytorch::testing;

TEST(Index, GathersRowsOfAnyType) {
  TestRandom random(1);
  for (int64_t bytes : {1, 3, 4, 64, 1000}) {
    constexpr int64_t kTable = 37, kCount = 301;
    const int64_t stride = bytes + 5;
    std::vector<uint8_t> table(static_cast<size_t>(kTable * stride));
    for (uint8_t& b : table) b = static_cast<uint8_t>(random.next());
    std::vector<int64_t> index;
    for (int64_t i = 0; i < kCount; ++i) index.push_back(random.range(0, kTable - 1));
    std::vector<uint8_t> out(static_cast<size_t>(kCount * bytes));
    gather_rows({.count = kCount,
                 .row_bytes = bytes,
                 .table = table.data(),
                 .table_stride = stride,
                 .index = index.data(),
                 .out = out.data()});
    for (int64_t i = 0; i < kCount; ++i)
      for (int64_t b = 0; b < bytes; ++b)
        ASSERT_EQ(out[static_cast<size_t>(i * bytes + b)],
                  table[static_cast<size_t>(index[static_cast<size_t>(i)] * stride + b)]);
  }
}

// Contributions are added in index order in every variant, so the bits agree with plain loops.
TEST(Index, ScatterAddIsExactForAllShapes) {
  struct Shape {
    int64_t count, cols, table;
  };
  for (const Shape s : {Shape{2048, 128, 65}, Shape{500, 1, 3}, Shape{700, 100, 1}, Shape{9, 33, 7},
                        Shape{300, 384, 2000}, Shape{1000, 16, 50257}, Shape{0, 8, 4}}) {
    TestRandom random(2);
    const std::vector<float> rows = random_vector<float>(s.count * s.cols, random);
    const std::vector<float> before = random_vector<float>(s.table * s.cols, random);
    std::vector<int64_t> index;
    for (int64_t i = 0; i < s.count; ++i)
      index.push_back(i % 4 ? random.range(0, s.table - 1) : s.table / 2);
    const auto run = [&](auto* fn) {
      std::vector<float> out = before;  // is overwritten
      fn({.count = s.count,
          .cols = s.cols,
          .table_rows = s.table,
          .rows = rows.data(),
          .index = index.data(),
          .out = out.data()});
      return out;
    };
    std::vector<float> want(before.size(), 0.f);
    for (int64_t i = 0; i < s.count; ++i)
      for (int64_t c = 0; c < s.cols; ++c)
        want[static_cast<size_t>(index[static_cast<size_t>(i)] * s.cols + c)] +=
            rows[static_cast<size_t>(i * s.cols + c)];
    EXPECT_EQ(run(loops::scatter_add_rows<float>), want);
    EXPECT_EQ(run(simd::scatter_add_rows), want);
    expect_same_bits([&] { return run(simd::scatter_add_rows); });
  }
}

TEST(Index, FindsTheFirstIndexOutOfRange) {
  const int64_t index[] = {0, 4, 2, 5, -1};
  EXPECT_EQ(first_out_of_range(index, 5, 6), 4);
  EXPECT_EQ(first_out_of_range(index, 5, 5), 3);
  EXPECT_EQ(first_out_of_range(index, 3, 5), -1);
}

}  // namespace
}  // namespace tinytorch::kernels
