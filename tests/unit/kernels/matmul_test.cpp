#include "tinytorch/kernels/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/kernels/matmul_test_util.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

using testing::Case;
using testing::Data;
using testing::Order;
using testing::random_cases;
using testing::TestRandom;

using F32 = void (*)(const MatmulArgs<float>&);
using F64 = void (*)(const MatmulArgs<double>&);

TEST(Matmul, LoopsMatchPlainSums) {
  for (const Case& s : random_cases(80, 30, 11)) {
    for (F32 fn : {loops::matmul_ijk<float>, loops::matmul_ikj<float>, loops::matmul_blocked<float>,
                   loops::matmul<float>}) {
      Data<float> data(s);
      fn(data.args);
      data.check("loops f32");
    }
    for (F64 fn : {loops::matmul_ijk<double>, loops::matmul_ikj<double>,
                   loops::matmul_blocked<double>, F64(kernels::matmul)}) {
      Data<double> data(s);
      fn(data.args);
      data.check("loops f64");
    }
  }
}

TEST(Matmul, LoopsCrossTilesOfTheBlockedOrder) {
  for (const Case& s :
       {Case{9, 300, 150}, Case{70, 257, 65, Order::kTransposed, Order::kTransposed}}) {
    Data<double> data(s);
    loops::matmul_blocked(data.args);
    data.check("blocked f64");
  }
}

class MatmulSimd : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { ASSERT_TRUE(set_isa(GetParam())); }
  void TearDown() override { set_isa(nullptr); }
};
std::vector<const char*> available_isas() {
  std::vector<const char*> names;
  for (const char* name : {"avx512", "avx2", "neon", "scalar"})
    if (set_isa(name)) names.push_back(name);
  set_isa(nullptr);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Isa, MatmulSimd, ::testing::ValuesIn(available_isas()),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(MatmulSimd, MatchesPlainSumsForRaggedSizes) {
  for (const Case& s : random_cases(160, 70, 12)) {
    Data<float> data(s);
    simd::matmul(data.args);
    data.check(GetParam());
  }
}

TEST_P(MatmulSimd, MatchesPlainSumsForEveryNest) {
  const Order kOrders[] = {Order::kRowMajor, Order::kTransposed, Order::kStrided};
  // Packed, few rows in place or swapped, narrow; k across one, two and three blocks.
  const int64_t kSizes[][3] = {{130, 40, 270}, {20, 100, 530}, {3, 130, 257}, {130, 10, 300},
                               {10, 130, 64},  {1, 100, 300},  {2, 70, 257},  {70, 1, 256},
                               {64, 300, 20},  {20, 48, 1024}, {300, 16, 3},  {33, 65, 1}};
  bool more = false;
  for (const auto& size : kSizes)
    for (Order a : kOrders)
      for (Order b : kOrders) {
        more = !more;
        Case s{size[0], size[1], size[2], a, b};
        s.accumulate = s.bias = s.pre = more;
        if (more) s.activation = Activation::kRelu;
        Data<float> data(s);
        simd::matmul(data.args);
        data.check(GetParam());
      }
}

TEST_P(MatmulSimd, LargeOperandsAreCutIntoSlabs) {
  if (std::string(GetParam()) == "scalar") return;  // the same code, but seconds under ASan
  // More columns than are packed at once, and more of k than the packing buffer holds.
  for (const Case& s :
       {Case{115, 2100, 20}, Case{120, 1060, 4130, Order::kRowMajor, Order::kTransposed}}) {
    Data<float> data(s);
    simd::matmul(data.args);
    double worst = 0;
    for (int64_t i = 0; i < s.m; i += 19)
      for (int64_t j = 0; j < s.n; j += 31) {
        double sum = 0;
        for (int64_t p = 0; p < s.k; ++p)
          sum += double{data.args.a[i * data.args.a_rs + p]} *
                 data.args.b[p * data.args.b_rs + j * data.args.b_cs];
        worst = std::max(worst, std::fabs(data.c[static_cast<size_t>(i * s.n + j)] - sum));
      }
    EXPECT_LT(worst, 3e-4) << s.str();
  }
}

TEST_P(MatmulSimd, FewRowsReadALargeOperandWhereItLies) {
  // More than any other test packs: a copy would need new memory.
  constexpr int64_t m = 8, k = 4096, n = 10240;
  const std::vector<float> a(m * k, 1), b(k * n, 1);
  std::vector<float> c(m * n);
  MatmulArgs<float> args;
  args.m = m, args.n = 64, args.k = k, args.batch = 1;
  args.a = a.data(), args.a_rs = k, args.a_cs = 1;
  args.b = b.data(), args.b_rs = n, args.b_cs = 1;
  args.c = c.data(), args.ldc = n;
  simd::matmul(args);
  const int64_t before = memory_stats().system_allocations;
  args.n = n;
  simd::matmul(args);
  EXPECT_EQ(memory_stats().system_allocations, before);
  EXPECT_EQ(c[3 * n + n - 1], k);
}

// The sum order is a contract: the same chains for every shape, layout and thread count.
TEST_P(MatmulSimd, EverySumIsTheChainOfTheContract) {
  if (std::string(GetParam()) == "scalar") return;  // has no fused multiply-add
  const std::pair<Order, Order> orders[] = {{Order::kRowMajor, Order::kRowMajor},
                                            {Order::kRowMajor, Order::kTransposed},
                                            {Order::kTransposed, Order::kRowMajor}};
  for (int64_t k : {1, 255, 256, 257, 700, 1025, 2400})
    for (const auto& [a, b] : orders)
      for (bool accumulate : {false, true})
        for (int64_t m : {1, 2, 4, 5, 30, 130}) {
          Case s{m, 77, k, a, b};
          s.accumulate = accumulate;
          s.bias = m > 4;
          s.pre = m == 30 || m == 4;  // tiles that end in C, and those that do not
          s.activation = s.pre ? Activation::kGelu : Activation::kNone;
          Data<float> data(s);
          simd::matmul(data.args);
          int wrong = 0;
          for (int64_t i = 0; i < s.m; i += 3)
            for (int64_t j = 0; j < s.n; j += 2) {
              const size_t at = static_cast<size_t>(i * data.args.ldc + j);
              float total = accumulate ? data.c_before[at] : 0;
              for (int64_t k0 = 0; k0 < k; k0 += 256) {
                float chain = 0;
                for (int64_t p = k0; p < std::min(k, k0 + 256); ++p)
                  chain = std::fma(data.args.a[i * data.args.a_rs + p * data.args.a_cs],
                                   data.args.b[p * data.args.b_rs + j * data.args.b_cs], chain);
                total = k0 || accumulate ? total + chain : chain;
              }
              if (s.bias) total += data.bias[static_cast<size_t>(j)];
              wrong += std::memcmp(&total, s.pre ? &data.pre[at] : &data.c[at], sizeof total) != 0;
            }
          EXPECT_EQ(wrong, 0) << s.str();
        }
}

// Bytes of C and of the values before the activation.
std::vector<float> result_of(const Case& s) {
  Data<float> data(s);
  simd::matmul(data.args);
  std::vector<float> all = data.c;
  all.insert(all.end(), data.pre.begin(), data.pre.end());
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<Case> bit_cases() {
  std::vector<Case> cases = random_cases(150, 70, 13);
  for (Order a : {Order::kRowMajor, Order::kTransposed})
    for (Order b : {Order::kRowMajor, Order::kTransposed})
      for (const auto& size : {std::array<int64_t, 3>{64, 512, 784},
                               {300, 200, 300},
                               {64, 10, 512},
                               {1, 512, 784},
                               {10, 512, 64}}) {
        Case s{size[0], size[1], size[2], a, b};
        s.bias = true;
        s.activation = Activation::kGelu;
        cases.push_back(s);
      }
  Case batch{20, 30, 40};
  batch.batch = 37;
  cases.push_back(batch);
  return cases;
}

TEST(Matmul, BitsDoNotDependOnTheNumberOfThreads) {
  const int before = num_threads();
  for (const Case& s : bit_cases()) {
    set_num_threads(1);
    const std::vector<float> one = result_of(s);
    for (int threads : {2, 3}) {
      set_num_threads(threads);
      EXPECT_TRUE(same_bits(one, result_of(s))) << threads << " threads, " << s.str();
    }
  }
  set_num_threads(before);
}

TEST(Matmul, BitsDoNotDependOnTheInstructionSet) {
  if (!set_isa("avx512")) return;  // one fused instruction set here
  for (const Case& s : bit_cases()) {
    set_isa("avx512");
    const std::vector<float> wide = result_of(s);
    set_isa("avx2");
    EXPECT_TRUE(same_bits(wide, result_of(s))) << s.str();
  }
  set_isa(nullptr);
}

TEST_P(MatmulSimd, EmptySizes) {
  for (const Case& s : {Case{0, 5, 3}, Case{5, 0, 3}}) {
    Data<float> data(s);
    simd::matmul(data.args);
    EXPECT_EQ(data.c, data.c_before);
  }
  // k = 0: act((accumulate ? C : 0) + bias), operands may be null.
  for (bool accumulate : {false, true}) {
    Case s{20, 37, 0};
    s.accumulate = accumulate;
    s.bias = s.pre = true;
    s.activation = Activation::kRelu;
    Data<float> data(s);
    data.args.a = data.args.b = nullptr;
    simd::matmul(data.args);
    data.check("k = 0");
  }
}

TEST_P(MatmulSimd, NanSpreadsAndSurvivesRelu) {
  Case s{20, 40, 30};
  s.activation = Activation::kRelu;
  Data<float> data(s);
  data.a[3 * 30 + 5] = std::numeric_limits<float>::quiet_NaN();
  simd::matmul(data.args);
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j)
      EXPECT_EQ(std::isnan(data.c[static_cast<size_t>(i * s.n + j)]), i == 3) << i << " " << j;
}

TEST(Matmul, TheTableListsTheVariantsBestLast) {
  EXPECT_EQ(find_kernel("matmul"), &matmul_f32);
  EXPECT_EQ(matmul_f32.find("loops"), 0);
  EXPECT_EQ(matmul_f32.find("simd"), matmul_f32.count() - 1);
  for (const char* name : {"loops", "tiled", "bf16", "simd"}) {
    const KernelOverride use("matmul", name);
    Data<float> data(Case{17, 19, 23});
    matmul(data.args);
    data.check(name);
  }
}

}  // namespace
}  // namespace tinytorch::kernels
