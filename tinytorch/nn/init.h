#pragma once
// Starting values, drawn from default_generator() (or the one given), written in place without a
// graph. Names are PyTorch's; fan_in of a weight (out, in, ...) is in times its kernel's size.
#include "tinytorch/core/tensor.h"

namespace tinytorch {
class Generator;
}
namespace tinytorch::nn::init {

int64_t fan_in(const Tensor& weight);
int64_t fan_out(const Tensor& weight);
void uniform_(Tensor weight, double low, double high, Generator* generator = nullptr);
void normal_(Tensor weight, double mean, double std, Generator* generator = nullptr);
void constant_(Tensor weight, double value);
// U(-b, b), b = sqrt(6 / ((1 + a^2) fan_in)). Source: He et al. 2015.
void kaiming_uniform_(Tensor weight, double a = 0);
void kaiming_normal_(Tensor weight, double gain = 1.4142135623730951);  // std = gain / sqrt(fan_in)
void xavier_uniform_(Tensor weight, double gain = 1);                   // Glorot and Bengio 2010

}  // namespace tinytorch::nn::init
