#pragma once
// safetensors: 8 bytes with the header's length (little-endian), a JSON header that maps a tensor's
// name to dtype, shape and data_offsets, then the data without holes. Source: the format's
// description at github.com/huggingface/safetensors.
#include <map>
#include <utility>

#include "tinytorch/core/tensor.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

struct TensorFile {
  std::vector<std::pair<std::string, Tensor>> tensors;  // in the order of the header
  std::map<std::string, std::string> metadata;

  const Tensor* find(std::string_view name) const;  // null when absent
};

// Reads F64, F32, BF16, I64, I32, I8, U8 and BOOL. Refuses other dtypes by name, headers above 100
// MB, names that stand twice, sizes that do not match the shape, and data that overlaps or leaves
// holes.
TensorFile read_safetensors(const std::string& path);
TensorFile parse_safetensors(Bytes bytes, std::string_view name);

// Replaces the file atomically. Tensors are laid out by element size, then name, so that each is
// aligned to its elements and equal content gives equal bytes; non-contiguous ones are written
// row-major.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace tinytorch::data
