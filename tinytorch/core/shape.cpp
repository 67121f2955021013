#include "tinytorch/core/shape.h"

#include <algorithm>

#include "tinytorch/core/format.h"

namespace tinytorch {

Dims::Dims(const int64_t* values, size_t count) {
  for (size_t i = 0; i < count; ++i) push_back(values[i]);
}

void Dims::push_back(int64_t value) {
  if (rank_ == kMaxDims)
    raise<ShapeError>("a tensor has at most {} dimensions; {} plus one more is too many.", kMaxDims,
                      str());
  v_[rank_++] = value;
}

void Dims::insert(int at, int64_t value) {
  push_back(value);
  std::rotate(v_ + at, v_ + rank_ - 1, v_ + rank_);
}

void Dims::erase(int at) {
  std::copy(v_ + at + 1, v_ + rank_, v_ + at);
  --rank_;
}

std::string Dims::str() const {
  return format_text("[{}]", joined(*this));
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  Shape out = Dims::filled(rank, 1);
  for (int i = 1; i <= rank; ++i) {
    const int64_t x = i <= a.rank() ? a[a.rank() - i] : 1, y = i <= b.rank() ? b[b.rank() - i] : 1;
    if (x != y && x != 1 && y != 1)
      raise<ShapeError>(
          "{}: shapes {} and {} do not broadcast: dim {} is {} in the first and {} in the second. "
          "Hint: sizes are aligned at the right and must be equal, or one of them 1.",
          op, a.str(), b.str(), rank - i, x, y);
    out[rank - i] = x == 1 ? y : x;
  }
  return out;
}

int normalize_dim(int64_t dim, int rank, const char* op) {
  const int64_t span = rank == 0 ? 1 : rank;
  if (dim < -span || dim >= span)
    raise<IndexError>(
        "{}: dim {} is out of range for a tensor of {} dimensions (allowed: {} to {}).", op, dim,
        rank, -span, span - 1);
  return static_cast<int>(dim < 0 ? dim + span : dim);
}

}  // namespace tinytorch
