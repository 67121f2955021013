#include "tinytorch/kernels/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/kernels/image_test_util.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

using testing::random_vector;
using testing::TestRandom;

enum class Order { kRowMajor, kTransposed, kStrided };

struct Case {
  int64_t m, n, k;
  Order a = Order::kRowMajor, b = Order::kRowMajor;
  int64_t batch = 1;
  bool share_a = false, share_b = false;  // batch stride 0
  bool bias = false, pre = false, accumulate = false;
  Activation activation = Activation::kNone;
  int64_t pad = 0;  // between the rows of every matrix

  std::string str() const {
    return "m=" + std::to_string(m) + " n=" + std::to_string(n) + " k=" + std::to_string(k) +
           " a=" + std::to_string(static_cast<int>(a)) +
           " b=" + std::to_string(static_cast<int>(b)) + " batch=" + std::to_string(batch) +
           (share_a ? " share_a" : "") + (share_b ? " share_b" : "") + (bias ? " bias" : "") +
           (pre ? " pre" : "") + (accumulate ? " accumulate" : "") +
           " act=" + std::to_string(static_cast<int>(activation)) + " pad=" + std::to_string(pad);
  }
};

// The operands of a case, and the expected result by plain loops over f64.
template <class T>
struct Data {
  Case s;
  MatmulArgs<T> args;
  std::vector<T> a, b, c, c_before, pre, bias;

  explicit Data(const Case& spec, uint64_t seed = 1) : s(spec) {
    TestRandom random(seed);
    args.m = s.m, args.n = s.n, args.k = s.k, args.batch = s.batch;
    const int64_t a_size = lay(s.m, s.k, s.a, args.a_rs, args.a_cs);
    const int64_t b_size = lay(s.k, s.n, s.b, args.b_rs, args.b_cs);
    args.a_batch = s.share_a ? 0 : a_size;
    args.b_batch = s.share_b ? 0 : b_size;
    args.ldc = s.n + s.pad;
    args.c_batch = s.m * args.ldc + s.pad;
    a = random_vector<T>(a_size * (s.share_a ? 1 : s.batch), random);
    b = random_vector<T>(b_size * (s.share_b ? 1 : s.batch), random);
    c = random_vector<T>(args.c_batch * s.batch + 8, random);
    bias = random_vector<T>(s.n, random);
    pre.assign(c.size(), T(7));
    c_before = c;
    args.a = a.data(), args.b = b.data(), args.c = c.data();
    args.bias = s.bias ? bias.data() : nullptr;
    args.pre_activation = s.pre ? pre.data() : nullptr;
    args.activation = s.activation;
    args.accumulate = s.accumulate;
  }

  int64_t lay(int64_t rows, int64_t cols, Order order, int64_t& rs, int64_t& cs) const {
    if (order == Order::kTransposed) {
      rs = 1, cs = rows + s.pad;
      return cols * cs;
    }
    cs = order == Order::kStrided ? 3 : 1;
    rs = cols * cs + s.pad;
    return rows * rs;
  }

  static double activate(double x, Activation act) {
    switch (act) {
      case Activation::kNone:
        return x;
      case Activation::kRelu:
        return x > 0 ? x : 0;
      case Activation::kGelu:
        return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
      case Activation::kGeluTanh:
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    }
    return x;
  }

  // Every element of c (and pre) within the bound of its sum; everything between rows untouched.
  void check(const std::string& what) const {
    const double eps = std::numeric_limits<T>::epsilon();
    std::vector<bool> written(c.size());
    int wrong = 0;
    const auto fail = [&](size_t at, double got, double want, double bound) {
      if (++wrong <= 3)
        ADD_FAILURE() << what << " " << s.str() << " at " << at << ": got " << got << ", want "
                      << want << " +- " << bound;
    };
    for (int64_t q = 0; q < s.batch; ++q)
      for (int64_t i = 0; i < s.m; ++i)
        for (int64_t j = 0; j < s.n; ++j) {
          const size_t at = static_cast<size_t>(q * args.c_batch + i * args.ldc + j);
          written[at] = true;
          double sum = s.accumulate ? c_before[at] : 0, magnitude = std::fabs(sum);
          for (int64_t p = 0; p < s.k; ++p) {
            const double x = args.a[q * args.a_batch + i * args.a_rs + p * args.a_cs];
            const double y = args.b[q * args.b_batch + p * args.b_rs + j * args.b_cs];
            sum += x * y;
            magnitude += std::fabs(x * y);
          }
          if (s.bias) sum += bias[static_cast<size_t>(j)];
          if (s.bias) magnitude += std::fabs(bias[static_cast<size_t>(j)]);
          const double bound = eps * (static_cast<double>(s.k) + 2) * magnitude;
          if (s.pre && !(std::fabs(pre[at] - sum) <= bound)) fail(at, pre[at], sum, bound);
          const double want = activate(sum, s.activation);
          // An activation rounds a few times at the size of its input.
          const double slack = s.activation == Activation::kNone ? 0 : 4 * eps * std::fabs(sum);
          // No activation has a slope above 1.13.
          if (!(std::fabs(c[at] - want) <= 1.13 * bound + slack)) fail(at, c[at], want, bound);
        }
    for (size_t at = 0; at < c.size(); ++at)
      if (!written[at] && (c[at] != c_before[at] || pre[at] != T(7)))
        fail(at, c[at], c_before[at], 0);
  }
};

using F32 = void (*)(const MatmulArgs<float>&);
using F64 = void (*)(const MatmulArgs<double>&);

std::vector<Case> random_cases(int count, int64_t max, uint64_t seed) {
  TestRandom random(seed);
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    Case s{random.range(1, max), random.range(1, max), random.range(1, max)};
    if (random.range(0, 5) == 0) s.k = random.range(250, 262);
    if (random.range(0, 9) == 0) s.k = random.range(509, 515);
    if (random.range(0, 5) == 0) s.m = random.range(1, 4);
    if (random.range(0, 5) == 0) s.n = random.range(1, 4);
    s.a = static_cast<Order>(random.range(0, 2));
    s.b = static_cast<Order>(random.range(0, 2));
    s.pad = random.range(0, 1) * random.range(0, 5);
    if (random.range(0, 4) == 0) {
      s.batch = random.range(2, 4);
      s.share_a = random.range(0, 3) == 0;
      s.share_b = random.range(0, 1) == 0;
    }
    s.accumulate = random.range(0, 2) == 0;
    s.bias = random.range(0, 1) == 0;
    s.pre = random.range(0, 2) == 0;
    s.activation = static_cast<Activation>(random.range(0, 3));
    cases.push_back(s);
  }
  return cases;
}

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
       {Case{115, 2100, 20}, Case{120, 2060, 2100, Order::kRowMajor, Order::kTransposed}}) {
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

// The sum order is a contract: the same chains for every shape, layout and thread count.
TEST_P(MatmulSimd, EverySumIsTheChainOfTheContract) {
  if (std::string(GetParam()) == "scalar") return;  // has no fused multiply-add
  for (int64_t k : {1, 255, 256, 257, 700}) {
    for (Order b : {Order::kRowMajor, Order::kTransposed}) {
      for (bool accumulate : {false, true}) {
        for (int64_t m : {1, 2, 4, 5, 30, 130}) {
          Case s{m, 77, k, Order::kRowMajor, b};
          s.accumulate = accumulate;
          s.bias = m > 4;
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
                  chain = std::fma(data.args.a[i * data.args.a_rs + p],
                                   data.args.b[p * data.args.b_rs + j * data.args.b_cs], chain);
                total = k0 || accumulate ? total + chain : chain;
              }
              if (s.bias) total += data.bias[static_cast<size_t>(j)];
              wrong += std::memcmp(&total, &data.c[at], sizeof total) != 0;
            }
          EXPECT_EQ(wrong, 0) << s.str();
        }
      }
    }
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
  for (const char* name : {"loops", "tiled", "simd"}) {
    const KernelOverride use("matmul", name);
    Data<float> data(Case{17, 19, 23});
    matmul(data.args);
    data.check(name);
  }
}

}  // namespace
}  // namespace tinytorch::kernels
