#pragma once
// What the files of random cases share: numbers, shapes and the list that grows. Internal.
#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "tests/golden/random_cases.h"
#include "tinytorch/core/format.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::golden {

using Tensors = std::vector<Tensor>;
using Run = std::function<Tensor(const Tensors&)>;

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  int64_t in(int64_t low, int64_t high) {  // both ends count
    return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(int64_t one_in) { return in(1, one_in) == 1; }
  double real(double low, double high) {
    return low + (high - low) * static_cast<double>(bits() >> 11) * 0x1p-53;
  }
  Shape shape(int64_t min_rank, int64_t max_rank, int64_t max_size = 5) {
    Shape s;
    for (int64_t rank = in(min_rank, max_rank); rank > 0; --rank) s.push_back(in(1, max_size));
    return s;
  }
  // A shape that broadcasts to `s`: without some leading dimensions, with some of size 1.
  Shape broadcastable(const Shape& s) {
    Shape out;
    for (int64_t i = in(0, s.rank()); i < s.rank(); ++i)
      out.push_back(chance(3) ? 1 : s[static_cast<int>(i)]);
    return out;
  }
  Tensor reals(const Shape& s, double low = -2, double high = 2) {
    Tensor t = empty(s, DType::kF64);
    for (int64_t i = 0; i < t.numel(); ++i) t.data<double>()[i] = real(low, high);
    return t;
  }
  Tensor integers(const Shape& s, int64_t below) {
    Tensor t = empty(s, DType::kI64);
    for (int64_t i = 0; i < t.numel(); ++i) t.data<int64_t>()[i] = in(0, below - 1);
    return t;
  }
  Tensor booleans(const Shape& s) {
    Tensor t = empty(s, DType::kBool);
    for (int64_t i = 0; i < t.numel(); ++i) t.data<bool>()[i] = chance(2);
    return t;
  }
  // 0, 1, ..., n - 1 in any order.
  std::vector<int64_t> permutation(int64_t n) {
    std::vector<int64_t> list(static_cast<size_t>(n));
    std::iota(list.begin(), list.end(), 0);
    for (int64_t i = n - 1; i > 0; --i) std::swap(list[i], list[in(0, i)]);
    return list;
  }

 private:
  uint64_t state_;
};

inline const char* python(bool b) {
  return b ? "True" : "False";
}
inline std::string python(const std::vector<int64_t>& list) {
  return fmt::format("[{}]", fmt::join(list, ", "));
}

class Maker {
 public:
  std::vector<RandomCase> cases;

  // fn(random) gives {python, inputs, run}: `count` cases of one operation.
  template <class Fn>
  void add(const std::string& name, int count, Fn fn) {
    for (int i = 0; i < count; ++i) {
      Random random(cases.size() * 1000003 + 17);
      RandomCase c = fn(random);
      c.name = fmt::format("{} {}", name, i);
      cases.push_back(std::move(c));
    }
  }
  void unary(const std::string& name, const std::string& call, Tensor (*fn)(const Tensor&),
             double low = -3, double high = 3) {
    add(name, 2, [&](Random& r) {
      return RandomCase{"", call, {r.reals(r.shape(0, 4), low, high)}, [fn](const Tensors& t) {
                          return fn(t[0]);
                        }};
    });
  }
  void binary(const std::string& name, const std::string& call, Run run, double low = -2) {
    add(name, 4, [&](Random& r) {
      const Shape s = r.shape(1, 4);
      const bool swap = r.chance(2);
      Tensor a = r.reals(s, low), b = r.reals(r.broadcastable(s), low);
      if (swap) std::swap(a, b);
      return RandomCase{"", call, {a, b}, run};
    });
  }
};

// Appended in this order, so that the numbers of older cases, which seed them, stay.
void loss_cases(Maker& m);
void place_cases(Maker& m);
void layer_cases(Maker& m);

}  // namespace tinytorch::golden
