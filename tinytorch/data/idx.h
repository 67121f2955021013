#pragma once
// IDX, the format of MNIST: magic 00 00 TYPE RANK, then RANK sizes (32 bits, big-endian), then the
// elements row-major, big-endian. Source: Y. LeCun, "The MNIST database", section on the format.
#include "tinytorch/core/tensor.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

// u8, i8, i32, f32 and f64 arrays, plain or gzip (by content). The file must hold exactly the
// elements its header claims.
Tensor read_idx(const std::string& path);
Tensor parse_idx(Bytes bytes, std::string_view name);

// A folder of four IDX files under MNIST's names, each plain or with .gz: images u8 (n, h, w) or
// (n, c, h, w), given back as (n, c, h, w), and labels u8 (n).
struct LabeledImages {
  Tensor images, labels;
};
struct ImageSplits {
  LabeledImages train, test;
};
ImageSplits read_idx_folder(const std::string& folder);

}  // namespace tinytorch::data
