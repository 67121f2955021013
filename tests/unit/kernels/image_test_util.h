#pragma once
// Random images and layout conversion for the tests of convolution and pooling.
#include <cstdint>
#include <vector>

namespace tinytorch::testing {

// Small linear congruential generator: the same numbers on every system.
class TestRandom {
 public:
  explicit TestRandom(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  uint32_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33);
  }
  int64_t range(int64_t low, int64_t high) {  // both ends included
    return low + static_cast<int64_t>(next() % static_cast<uint64_t>(high - low + 1));
  }
  double uniform() { return static_cast<double>(next() % 20001) / 10000.0 - 1.0; }  // [-1, 1]

 private:
  uint64_t state_;
};

template <class T>
std::vector<T> random_vector(int64_t n, TestRandom& random) {
  std::vector<T> v(static_cast<size_t>(n));
  for (T& e : v) e = static_cast<T>(static_cast<float>(random.uniform()));
  return v;
}

// n x c x pixels to n x pixels x c, and back.
template <class T>
std::vector<T> to_nhwc(const std::vector<T>& v, int64_t n, int64_t c, int64_t pixels) {
  std::vector<T> out(v.size());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < c; ++j)
      for (int64_t p = 0; p < pixels; ++p)
        out[static_cast<size_t>((i * pixels + p) * c + j)] =
            v[static_cast<size_t>((i * c + j) * pixels + p)];
  return out;
}
template <class T>
std::vector<T> to_nchw(const std::vector<T>& v, int64_t n, int64_t c, int64_t pixels) {
  return to_nhwc(v, n, pixels, c);  // the same exchange with the roles swapped
}

}  // namespace tinytorch::testing
