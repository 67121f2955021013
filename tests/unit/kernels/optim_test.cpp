#include "tinytorch/kernels/optim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

// A few parameters of sizes around vectors and chunks, with gradients that change each step.
template <class T>
struct Model {
  static constexpr int64_t kSizes[] = {1, 7, 16, 33, 8192, 8193, 20011};
  struct Param {
    std::vector<T> p, g, m, v;
  };
  std::vector<Param> params;
  std::vector<ParamChunk<T>> table;
  explicit Model(bool state = true) {
    for (int64_t n : kSizes) {
      const auto size = static_cast<size_t>(n);
      params.push_back(
          {std::vector<T>(size), std::vector<T>(size), std::vector<T>(size), std::vector<T>(size)});
    }
    for (Param& x : params) {
      for (size_t i = 0; i < x.p.size(); ++i) x.p[i] = static_cast<T>(value(i, 1));
      append_chunks<T>(table, {x.p.data(), x.g.data(), state ? x.m.data() : nullptr,
                               state ? x.v.data() : nullptr, static_cast<int64_t>(x.p.size())});
    }
  }
  // Exact in float, so that f32 and f64 models start from the same numbers; repeats after kPeriod.
  static constexpr size_t kPeriod = 2001;
  static double value(size_t i, size_t salt) {
    return (static_cast<double>((i * 7919 + salt * 104729) % kPeriod) - 1000) / 1024;
  }
  void set_grads(size_t step) {
    for (Param& x : params)
      for (size_t i = 0; i < x.g.size(); ++i) x.g[i] = static_cast<T>(value(i, step + 5));
  }
  std::vector<T> all() const {
    std::vector<T> out;
    for (const Param& x : params)
      for (const auto* a : {&x.p, &x.m, &x.v}) out.insert(out.end(), a->begin(), a->end());
    return out;
  }
};

// PyTorch's documented algorithms, transcribed line by line in double.
struct SgdReference {
  double lr, momentum, weight_decay;
  bool nesterov;
  double p, b = 0;
  int step = 0;
  void operator()(double g) {
    ++step;
    g = g + weight_decay * p;
    if (momentum != 0) {
      b = step > 1 ? momentum * b + g : g;
      g = nesterov ? g + momentum * b : b;
    }
    p = p - lr * g;
  }
};
struct AdamReference {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled;
  double p, m = 0, v = 0;
  int step = 0;
  void operator()(double g) {
    ++step;
    if (decoupled)
      p = p - lr * weight_decay * p;
    else
      g = g + weight_decay * p;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const double m_hat = m / (1 - std::pow(beta1, step)), v_hat = v / (1 - std::pow(beta2, step));
    p = p - lr * m_hat / (std::sqrt(v_hat) + eps);
  }
};

// Runs `steps` steps and compares every parameter with a reference made by make(p).
template <class T, class Make, class Step>
void check_against(Make make, Step step, double tolerance, bool state = true) {
  constexpr size_t kSteps = 6;
  Model<T> model(state);
  std::vector<double> reference;
  for (size_t i = 0; i < Model<T>::kPeriod; ++i) {
    auto r = make(Model<T>::value(i, 1));
    for (size_t s = 0; s < kSteps; ++s) r(Model<T>::value(i, s + 5));
    reference.push_back(r.p);
  }
  for (size_t s = 0; s < kSteps; ++s) {
    model.set_grads(s);
    step(model.table, s + 1);
  }
  for (const auto& x : model.params)
    for (size_t i = 0; i < x.p.size(); ++i) {
      const double want = reference[i % Model<T>::kPeriod];
      ASSERT_NEAR(x.p[i], want, tolerance * (1 + std::fabs(want))) << "element " << i;
    }
}

template <class T>
void check_sgd(double tolerance) {
  struct Case {
    double momentum, weight_decay;
    bool nesterov;
  };
  for (Case c :
       {Case{0, 0, false}, Case{0, 0.1, false}, Case{0.9, 0, false}, Case{0.9, 0.05, true}})
    check_against<T>(
        [&](double p) { return SgdReference{0.1, c.momentum, c.weight_decay, c.nesterov, p}; },
        [&](const std::vector<ParamChunk<T>>& table, size_t) {
          sgd_step(SgdArgs<T>{table, 0.1, c.momentum, c.weight_decay, c.nesterov});
        },
        tolerance, c.momentum != 0);
}
TEST(OptimKernels, SgdFollowsPyTorch) {
  check_sgd<double>(1e-14);
  for (const char* variant : {"loops", "simd"}) {
    KernelOverride use("sgd_step", variant);
    check_sgd<float>(1e-6);
  }
}

template <class T>
void check_adam(double tolerance) {
  for (bool decoupled : {false, true})
    for (double weight_decay : {0.0, 0.1})
      check_against<T>(
          [&](double p) {
            return AdamReference{0.01, 0.8, 0.95, 1e-4, weight_decay, decoupled, p};
          },
          [&](const std::vector<ParamChunk<T>>& table, size_t step) {
            const double t = static_cast<double>(step);
            adam_step(AdamArgs<T>{table, 0.01, 0.8, 0.95, 1e-4, weight_decay, 1 - std::pow(0.8, t),
                                  1 - std::pow(0.95, t), decoupled});
          },
          tolerance);
}
TEST(OptimKernels, AdamAndAdamWFollowPyTorch) {
  check_adam<double>(1e-14);
  for (const char* variant : {"loops", "simd"}) {
    KernelOverride use("adam_step", variant);
    check_adam<float>(1e-6);
  }
}

// Three steps of everything, then clipping: the whole state and the norms as one array.
std::vector<float> run_all(const char* variant) {
  KernelOverride a("sgd_step", variant), b("adam_step", variant), c("sum_squares", variant);
  std::vector<float> out;
  for (bool adam : {false, true}) {
    Model<float> model;
    for (size_t s = 0; s < 3; ++s) {
      model.set_grads(s);
      double norm = 0;
      sum_squares(SumSquaresArgs<float>{model.table, &norm});
      scale_grads<float>(model.table, 1 / std::sqrt(norm));
      float bits[2];
      std::memcpy(bits, &norm, sizeof norm);
      out.insert(out.end(), bits, bits + 2);
      if (adam)
        adam_step(AdamArgs<float>{model.table, 0.1, 0.9, 0.999, 1e-8, 0.01, 0.3, 0.2, true});
      else
        sgd_step(SgdArgs<float>{model.table, 0.1, 0.9, 0.01, true});
    }
    const std::vector<float> state = model.all();
    out.insert(out.end(), state.begin(), state.end());
  }
  return out;
}
TEST(OptimKernels, SameBitsForVariantsThreadsAndTargets) {
  const std::vector<float> want = run_all("loops");
  const int before = num_threads();
  for (const char* isa : {"avx512", "avx2", "neon"}) {
    if (!set_isa(isa)) continue;
    for (int threads = 1; threads <= 3; ++threads) {
      set_num_threads(threads);
      const std::vector<float> got = run_all("simd");
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * 4), 0)
          << isa << ", " << threads << " threads";
    }
  }
  set_isa(nullptr);
  set_num_threads(before);
}

TEST(OptimKernels, SumSquaresAndScale) {
  Model<float> model;
  Model<double> model64;
  model.set_grads(0);
  model64.set_grads(0);
  double want = 0;
  for (const auto& x : model64.params)
    for (double g : x.g) want += g * g;
  double got = 0, got64 = 0;
  for (const char* variant : {"loops", "simd"}) {
    KernelOverride use("sum_squares", variant);
    sum_squares(SumSquaresArgs<float>{model.table, &got});
    EXPECT_NEAR(got, want, 1e-12 * want);
  }
  sum_squares(SumSquaresArgs<double>{model64.table, &got64});
  EXPECT_NEAR(got64, want, 1e-12 * want);
  scale_grads<float>(model.table, 0.5);
  sum_squares(SumSquaresArgs<float>{model.table, &got});
  EXPECT_NEAR(got, want / 4, 1e-12 * want);
  sum_squares(SumSquaresArgs<float>{{}, &got});
  EXPECT_EQ(got, 0.0);
}

TEST(OptimKernels, ChunksCoverTheirParameterOnce) {
  const std::vector<int64_t> sizes = {1, 7, 16, 33, 8192, 8192, 1, 8192, 8192, 3627};
  Model<float> model;
  ASSERT_EQ(model.table.size(), sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(model.table[i].n, sizes[i]) << i;
  EXPECT_EQ(model.table[6].p, model.params[5].p.data() + 8192);
  EXPECT_EQ(model.table[9].s1, model.params[6].v.data() + 16384);
}

}  // namespace
}  // namespace tinytorch::kernels
