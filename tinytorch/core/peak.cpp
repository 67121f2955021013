#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/core/peak.cpp"
#include <hwy/foreach_target.h>  // NOLINT: must come before highway.h
#include <hwy/highway.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tinytorch/core/peak.h"
#include "tinytorch/core/utils.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Two units with a latency of four or five cycles need ten chains; twelve fit into the 16 registers
// of AVX2 beside the two constants. The chains start apart and all end in the result, so that the
// compiler can neither merge nor drop one.
int64_t MultiplyAddBurst(int64_t rounds) {
  const hn::ScalableTag<float> d;
  const auto scale = hn::Set(d, 0.999f), shift = hn::Set(d, 0.001f);
  auto a = hn::Set(d, 1.0f), b = hn::Set(d, 1.1f), c = hn::Set(d, 1.2f), e = hn::Set(d, 1.3f);
  auto f = hn::Set(d, 1.4f), g = hn::Set(d, 1.5f), h = hn::Set(d, 1.6f), i = hn::Set(d, 1.7f);
  auto j = hn::Set(d, 1.8f), k = hn::Set(d, 1.9f), l = hn::Set(d, 2.0f), m = hn::Set(d, 2.1f);
  for (int64_t round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, scale, shift), b = hn::MulAdd(b, scale, shift);
    c = hn::MulAdd(c, scale, shift), e = hn::MulAdd(e, scale, shift);
    f = hn::MulAdd(f, scale, shift), g = hn::MulAdd(g, scale, shift);
    h = hn::MulAdd(h, scale, shift), i = hn::MulAdd(i, scale, shift);
    j = hn::MulAdd(j, scale, shift), k = hn::MulAdd(k, scale, shift);
    l = hn::MulAdd(l, scale, shift), m = hn::MulAdd(m, scale, shift);
  }
  const auto sum =
      hn::Add(hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), h)),
              hn::Add(hn::Add(hn::Add(i, j), hn::Add(k, l)), m));
  volatile float result = hn::GetLane(sum);
  static_cast<void>(result);
  return rounds * 12 * 2 * static_cast<int64_t>(hn::Lanes(d));
}

float ReadBurst(const float* HWY_RESTRICT data, int64_t n) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, c = a, e = a, f = a, g = a, h = a, i = a;
  for (int64_t at = 0; at < n; at += 8 * lanes) {
    const float* p = data + at;
    a = hn::Add(a, hn::Load(d, p)), b = hn::Add(b, hn::Load(d, p + lanes));
    c = hn::Add(c, hn::Load(d, p + 2 * lanes)), e = hn::Add(e, hn::Load(d, p + 3 * lanes));
    f = hn::Add(f, hn::Load(d, p + 4 * lanes)), g = hn::Add(g, hn::Load(d, p + 5 * lanes));
    h = hn::Add(h, hn::Load(d, p + 6 * lanes)), i = hn::Add(i, hn::Load(d, p + 7 * lanes));
  }
  const auto sum =
      hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

}  // namespace HWY_NAMESPACE
}  // namespace tinytorch
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch {

HWY_EXPORT(MultiplyAddBurst);
HWY_EXPORT(ReadBurst);

int64_t multiply_add_burst(int64_t rounds) {
  return HWY_DYNAMIC_DISPATCH(MultiplyAddBurst)(rounds);
}

float read_burst(const float* data, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(ReadBurst)(data, n);
}

int64_t Timer::now_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

void run_together(int threads, const std::function<void(int)>& fn) {
  std::atomic<int> ready{0};
  const auto start = [&](int index) {
    ++ready;
    while (ready.load() < threads) std::this_thread::yield();
    fn(index);
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(start, i);
  start(0);
  for (std::thread& other : others) other.join();
}

}  // namespace tinytorch
#endif
