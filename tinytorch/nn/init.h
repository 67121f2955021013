#pragma once
// Starting values, drawn from default_generator() (or the one given), written in place without a
// graph. Names are PyTorch's; fan_in of a weight (out, in, ...) is in times its kernel's size.
#include <string_view>

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

void ones_(Tensor weight);
void zeros_(Tensor weight);
void xavier_normal_(Tensor weight, double gain = 1);
// By how much a nonlinearity must be made up for: 1 for "linear", "conv2d", "sigmoid", ...; 5/3 for
// "tanh", sqrt(2) for "relu", 3/4 for "selu", sqrt(2 / (1 + param^2)) for "leaky_relu". ConfigError
// for another name.
double calculate_gain(std::string_view nonlinearity, double param = 0.01);
enum class FanMode : uint8_t { kFanIn, kFanOut };
// PyTorch's full forms: std = gain(nonlinearity, a) / sqrt(fan), the bound sqrt(3) times that.
void kaiming_uniform_(Tensor weight, double a, FanMode mode,
                      std::string_view nonlinearity = "leaky_relu");
void kaiming_normal_(Tensor weight, double a, FanMode mode,
                     std::string_view nonlinearity = "leaky_relu");
// Rows (or, when there are fewer, columns) of the weight, seen as size(0) x rest, are orthonormal
// times gain, evenly distributed. Source: Saxe et al. 2013.
void orthogonal_(Tensor weight, double gain = 1, Generator* generator = nullptr);
// The normal distribution cut to [low, high]. ConfigError when low is not below high.
void trunc_normal_(Tensor weight, double mean = 0, double std = 1, double low = -2, double high = 2,
                   Generator* generator = nullptr);

}  // namespace tinytorch::nn::init
