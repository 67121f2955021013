#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace tinytorch {

inline constexpr int kMaxDims = 8;

// Up to eight 64-bit numbers without heap memory: the sizes or the strides (in elements) of a
// tensor. Rank 0 is a scalar with one element.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) : Dims(values.begin(), values.size()) {}
  explicit Dims(std::span<const int64_t> values) : Dims(values.data(), values.size()) {}
  static Dims filled(int rank, int64_t value) {
    Dims d;
    for (int i = 0; i < rank; ++i) d.push_back(value);
    return d;
  }

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t operator[](int i) const { return v_[i]; }
  int64_t& operator[](int i) { return v_[i]; }
  const int64_t* begin() const { return v_; }
  const int64_t* end() const { return v_ + rank_; }
  int64_t* begin() { return v_; }
  int64_t* end() { return v_ + rank_; }
  int64_t back() const { return v_[rank_ - 1]; }

  void push_back(int64_t value);       // ShapeError past kMaxDims
  void insert(int at, int64_t value);  // before position `at`
  void erase(int at);
  int64_t product() const {  // number of elements of a shape
    int64_t p = 1;
    for (int i = 0; i < rank_; ++i) p *= v_[i];
    return p;
  }
  bool operator==(const Dims& o) const {
    if (rank_ != o.rank_) return false;
    for (int i = 0; i < rank_; ++i)
      if (v_[i] != o.v_[i]) return false;
    return true;
  }
  std::string str() const;  // "[2, 3]"
  void clear_unused() {     // what lies behind the numbers
    for (int i = rank_; i < kMaxDims; ++i) v_[i] = 0;
  }

 private:
  Dims(const int64_t* values, size_t count);
  int64_t v_[kMaxDims];  // only the first rank_ are set
  int rank_ = 0;
};

using Shape = Dims;
using Strides = Dims;

// PyTorch's broadcasting: align right, sizes must be equal or 1. Throws ShapeError naming `op` and
// the first dimension that disagrees.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op);

// Maps dim in [-rank, rank) to [0, rank); IndexError names `op`. A scalar accepts -1 and 0.
int normalize_dim(int64_t dim, int rank, const char* op);

}  // namespace tinytorch
