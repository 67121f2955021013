#pragma once
// The arrays that ops/table.cpp joins: one a file of ops/.
#include <span>

#include "tinytorch/ops/op.h"

namespace tinytorch {

std::span<const OpInfo> view_ops();
std::span<const OpInfo> copy_ops();
std::span<const OpInfo> shape_ops();
std::span<const OpInfo> unary_ops();
std::span<const OpInfo> binary_ops();
std::span<const OpInfo> reduce_ops();
std::span<const OpInfo> index_ops();
std::span<const OpInfo> matmul_ops();
std::span<const OpInfo> conv_ops();
std::span<const OpInfo> pool_ops();
std::span<const OpInfo> norm_ops();
std::span<const OpInfo> softmax_ops();
std::span<const OpInfo> loss_ops();
std::span<const OpInfo> attention_ops();
std::span<const OpInfo> random_ops();

}  // namespace tinytorch
