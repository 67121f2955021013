#pragma once
#include "tinytorch/core/dataloader.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

// A file as text, inflated if it is gzip. IoError with the offset of the first byte that is not
// valid UTF-8.
std::string read_text(const std::string& path);

// Windows of block_size + 1 tokens: x is the first block_size, y the same moved by one. The index
// of a window is the token it starts at. Unshuffled: consecutive windows with stride block_size (a
// last one that is not full is left out). Shuffled: as many windows at random starts, drawn anew
// each epoch, so that no window boundary is ever learnt.
class TextDataset final : public Dataset {
 public:
  TextDataset(std::vector<int32_t> tokens, int64_t block_size);
  int64_t size() const override;
  Shape x_shape() const override { return {block_size_}; }
  Shape y_shape() const override { return {block_size_}; }
  DType x_dtype(DType) const override { return DType::kI64; }
  void fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override;
  std::vector<int64_t> order(bool shuffle, uint64_t seed, int64_t epoch) const override;
  int64_t tokens() const { return static_cast<int64_t>(tokens_.size()); }

 private:
  std::vector<int32_t> tokens_;
  int64_t block_size_;
};

}  // namespace tinytorch::data
