#include "cli/infer_input.h"

#include <fmt/format.h>

#include <cmath>

#include "tinytorch/ops/ops.h"

namespace tinytorch::cli {

namespace {

void check_kind(const Tensor& x, DType dtype, const std::string& file, const std::string& taker) {
  const bool floating = is_floating(dtype), boolean = dtype == DType::kBool;
  if (floating == is_floating(x.dtype()) && boolean == (x.dtype() == DType::kBool)) return;
  const char* hint = floating  ? "x.astype('float32'), with pixels scaled as in training"
                     : boolean ? "x.astype('bool')"
                               : "x.astype('int64')";
  throw IoError(fmt::format("{}: holds {}, but {}. Hint: save {}.", file, dtype_name(x.dtype()),
                            taker, hint));
}

// (n, c, h, w), or (n, features) with the channels one after the other.
Tensor normalized(const Tensor& x, const data::ChannelStats& stats, const std::string& file) {
  const auto channels = static_cast<int64_t>(stats.mean.size());
  const int64_t samples = x.dim() > 0 ? x.size(0) : 0;
  const int64_t values = samples > 0 ? x.numel() / samples : 0;
  if (x.dim() < 2 || values % channels != 0 || (x.dim() == 4 && x.size(1) != channels))
    throw IoError(fmt::format("{}: --normalize: {} does not hold {} channels a sample.", file,
                              x.shape().str(), channels));
  const Tensor mean = from_vector(stats.mean, {channels, 1});
  const Tensor deviation = from_vector(stats.deviation, {channels, 1});
  const Tensor planes = x.to(DType::kF64).reshape({samples, channels, values / channels});
  return ((planes - mean) / deviation).reshape(x.shape());
}

int64_t count_not_finite(const Tensor& x) {
  if (sum(x * 0).item() == 0) return 0;  // infinity times 0 is NaN, as NaN is
  int64_t count = 0;
  for (const double v : to_vector<double>(x.to(DType::kF64))) count += !std::isfinite(v);
  return count;
}

}  // namespace

Tensor infer_input(const Tensor& x, DType dtype, const std::string& file, const std::string& taker,
                   const data::ChannelStats& stats) {
  check_kind(x, dtype, file, taker);
  if (!is_floating(dtype)) {
    const Tensor y = x.to(dtype);
    const Tensor back = y.to(x.dtype());
    if (to_vector<int64_t>(back.to(DType::kI64)) != to_vector<int64_t>(x.to(DType::kI64)))
      throw IoError(fmt::format("{}: holds {} outside of {}, but {}.", file, dtype_name(x.dtype()),
                                dtype_name(dtype), taker));
    return y;
  }
  const Tensor y = (stats.mean.empty() ? x : normalized(x, stats, file)).to(dtype);
  if (item_size(x.dtype()) > item_size(dtype))
    fmt::print(stderr, "tito: {}: {} is rounded to {}, for {}.\n", file, dtype_name(x.dtype()),
               dtype_name(dtype), taker);
  if (const int64_t count = count_not_finite(y); count > 0)
    fmt::print(stderr,
               "tito: warning: {}: {} of {} values are not finite (NaN or infinite): what follows "
               "from them means nothing.\n",
               file, count, y.numel());
  return y;
}

}  // namespace tinytorch::cli
