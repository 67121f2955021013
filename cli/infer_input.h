#pragma once
// What infer does to an array before a network sees it: the same for runs and models of ONNX.
#include <string>

#include "tinytorch/core/tensor.h"
#include "tinytorch/data/image_dataset.h"

namespace tinytorch::cli {

// `x`, which `file` holds, as the dtype that a network takes; `taker` says who takes what ("this
// gpt takes int64 tokens"). Floats serve as floats and integers as integers: IoError for others,
// and for integers that do not fit. Standard error says that floats lose digits, or are not finite.
// `stats`: what --normalize subtracts and divides by; empty: nothing.
Tensor infer_input(const Tensor& x, DType dtype, const std::string& file, const std::string& taker,
                   const data::ChannelStats& stats = {});

}  // namespace tinytorch::cli
