// Normalisation over groups of channels, over single channels and by the root mean square. The
// first two are layer_norm's kernel on other rows.
#include "tinytorch/ops/normalization.h"

#include <limits>

#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

void require_channels(const Tensor& x, const Tensor& t, const char* op, const char* name) {
  if (t.defined() && (t.shape() != Shape{x.shape()[1]} || t.dtype() != x.dtype()))
    raise<ShapeError>("{}: {} {} does not fit input {}: it must be {} [{}].", op, name, describe(t),
                      describe(x), dtype_name(x.dtype()), x.shape()[1]);
}

// y weight + bias, both by channel.
Tensor affine(const Tensor& y, const Tensor& weight, const Tensor& bias) {
  Shape by_channel = Dims::filled(y.dim(), 1);
  by_channel[1] = y.shape()[1];
  const Tensor scaled = weight.defined() ? y * weight.reshape(by_channel) : y;
  return bias.defined() ? scaled + bias.reshape(by_channel) : scaled;
}

// x with each of `rows` equal parts, one after the other in memory, normalised.
Tensor normalized_parts(const Tensor& x, int64_t rows, double eps) {
  if (x.numel() == 0) return x * 1.0;
  const int64_t cols = x.numel() / rows;
  return layer_norm(x.reshape({rows, cols}), {cols}, {}, {}, eps).reshape(x.shape());
}

}  // namespace

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  if (x.dim() < 2)
    raise<ShapeError>("group_norm: input {} must be (n, channels, ...).", describe(x));
  if (groups < 1 || x.shape()[1] % groups != 0)
    raise<ShapeError>("group_norm: {} groups do not divide the {} channels of {}.", groups,
                      x.shape()[1], describe(x));
  require_channels(x, weight, "group_norm", "weight");
  require_channels(x, bias, "group_norm", "bias");
  return affine(normalized_parts(x, x.shape()[0] * groups, eps), weight, bias);
}

Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                std::optional<double> eps) {
  const int lead = x.dim() - normalized_shape.rank();
  bool fits = lead >= 0 && normalized_shape.rank() > 0;
  for (int i = 0; fits && i < normalized_shape.rank(); ++i)
    fits = x.shape()[lead + i] == normalized_shape[i];
  if (!fits)
    raise<ShapeError>("rms_norm: input {} does not end in the normalised shape {}.", describe(x),
                      normalized_shape.str());
  if (weight.defined() && (weight.shape() != normalized_shape || weight.dtype() != x.dtype()))
    raise<ShapeError>("rms_norm: weight {} does not fit the normalised shape {} of {}.",
                      describe(weight), normalized_shape.str(), describe(x));
  if (!is_floating(x.dtype())) raise_not_float("rms_norm", x.dtype());
  const double floor =
      eps.value_or(x.dtype() == DType::kF64 ? std::numeric_limits<double>::epsilon()
                                            : std::numeric_limits<float>::epsilon());
  std::vector<int64_t> dims;
  for (int d = 1; d <= normalized_shape.rank(); ++d) dims.push_back(-d);
  const Tensor y = x * rsqrt(mean(x * x, dims, true) + floor);
  return weight.defined() ? y * weight : y;
}

namespace {

// Moves a running statistic to the mean over the samples of `each` (n, channels).
void move_towards(const Tensor& running, const Tensor& each, double momentum) {
  if (!running.defined()) return;
  Tensor r = running;
  r.copy_(r * (1 - momentum) + mean(each, std::vector<int64_t>{0}) * momentum);
}

}  // namespace

Tensor instance_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool use_input_stats,
                     double momentum, double eps) {
  if (x.dim() < 2)
    raise<ShapeError>("instance_norm: input {} must be (n, channels, places...).", describe(x));
  require_channels(x, weight, "instance_norm", "weight");
  require_channels(x, bias, "instance_norm", "bias");
  require_channels(x, running_mean, "instance_norm", "running_mean");
  require_channels(x, running_var, "instance_norm", "running_var");
  if (!use_input_stats) {
    if (!running_mean.defined() || !running_var.defined())
      raise<Error>("instance_norm: without use_input_stats it needs running_mean and running_var.");
    return batch_norm(x, running_mean, running_var, weight, bias, /*training=*/false, momentum,
                      eps);
  }
  int64_t places = 1;
  for (int d = 2; d < x.dim(); ++d) places *= x.shape()[d];
  if (places == 1)
    raise<ShapeError>(
        "instance_norm: input {} has one place a channel, so its variance is 0. Hint: it must be "
        "(n, channels, places...).",
        describe(x));
  const int64_t rows = x.shape()[0] * x.shape()[1];
  if (x.numel() > 0 && (running_mean.defined() || running_var.defined())) {
    const NoGrad no_grad;
    const Tensor each = x.reshape({x.shape()[0], x.shape()[1], places});
    const std::vector<int64_t> last = {2};
    move_towards(running_mean, mean(each, last), momentum);
    move_towards(running_var, var(each, last), momentum);
  }
  return affine(normalized_parts(x, rows, eps), weight, bias);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
std::vector<Tensor> with_affine(SampleMaker& m, const Shape& x, bool affine_too) {
  if (!affine_too) return {m.normal(x)};
  return {m.normal(x), m.normal({x[1]}), m.normal({x[1]})};
}
std::vector<Sample> group_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& x, int64_t groups, bool affine_too,
                          double eps = 1e-5) {
    return Sample{std::move(label), with_affine(m, x, affine_too), [=](Inputs t) {
                    return affine_too ? group_norm(t[0], groups, t[1], t[2], eps)
                                      : group_norm(t[0], groups, {}, {}, eps);
                  }};
  };
  return {sample("2 groups of images", {2, 4, 3, 3}, 2, true),
          sample("one group, eps 0.1", {2, 3, 5}, 1, true, 0.1),
          sample("a group a channel", {1, 3, 4}, 3, false), sample("rows", {3, 6}, 2, true),
          sample("no images", {0, 4, 2, 2}, 2, true)};
}
std::vector<Sample> rms_samples(SampleMaker& m) {
  const auto run = [](const Shape& shape, std::optional<double> eps) {
    return [=](Inputs t) { return rms_norm(t[0], shape, t.size() > 1 ? t[1] : Tensor(), eps); };
  };
  // an eps is given: the default one is the dtype's
  return {{"rows of 6", {m.normal({4, 6}), m.normal({6})}, run({6}, 1e-5)},
          {"last two dims, no weight", {m.normal({3, 2, 4})}, run({2, 4}, 0.1)},
          {"one vector", {m.normal({5}), m.normal({5})}, run({5}, 1e-6)},
          {"no rows", {m.normal({0, 3}), m.normal({3})}, run({3}, 1e-5)}};
}
// Running statistics of the samples: -0.2 + 0.1 c and 0.5 + 0.25 c for channel c.
Tensor line(int64_t channels, double at_0, double step, DType dtype) {
  return arange(channels).to(dtype) * step + at_0;
}
std::vector<Sample> instance_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& x, bool affine_too, bool use_input) {
    return Sample{std::move(label), with_affine(m, x, affine_too), [=](Inputs t) {
                    const DType dtype = t[0].dtype();
                    return instance_norm(t[0], line(x[1], -0.2, 0.1, dtype),
                                         line(x[1], 0.5, 0.25, dtype), affine_too ? t[1] : Tensor(),
                                         affine_too ? t[2] : Tensor(), use_input);
                  }};
  };
  return {sample("images", {2, 3, 3, 2}, true, true), sample("no affine", {2, 2, 5}, false, true),
          sample("running statistics", {2, 3, 4}, true, false),
          sample("no images", {0, 2, 3}, true, true)};
}
std::vector<ErrorCase> group_errors() {
  return {{"groups", [] { group_norm(zeros({2, 5, 3}), 2); },
           "2 groups do not divide the 5 channels of f32 [2, 5, 3]"},
          {"1-d", [] { group_norm(zeros({5}), 1); }, "must be (n, channels, ...)"},
          {"weight", [] { group_norm(zeros({2, 4}), 2, ones({2})); },
           "weight f32 [2] does not fit input f32 [2, 4]: it must be f32 [4]"}};
}
std::vector<ErrorCase> rms_errors() {
  return {
      {"shape", [] { rms_norm(zeros({2, 3}), {4}); }, "does not end in the normalised shape [4]"},
      {"weight", [] { rms_norm(zeros({2, 3}), {3}, zeros({2})); }, "weight f32 [2] does not fit"},
      {"integers", [] { rms_norm(arange(3), {3}); }, "no kernel for i64"}};
}
std::vector<ErrorCase> instance_errors() {
  return {{"one place", [] { instance_norm(zeros({2, 3, 1})); }, "has one place a channel"},
          {"no statistics", [] { instance_norm(zeros({2, 3, 4}), {}, {}, {}, {}, false); },
           "needs running_mean and running_var"},
          {"bias", [] { instance_norm(zeros({2, 3, 4}), {}, {}, {}, ones({2})); },
           "bias f32 [2] does not fit"}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 8);
}

const OpInfo kTable[] = {
    {"group_norm", "group_norm(x, groups, weight, bias, eps)",
     "(x - mean) / sqrt(var + eps) weight + bias, mean and var of each group of channels",
     "as layer_norm, a group being a row", "x, each group's mean and rstd",
     "layer_norm layer_norm_grad", group_samples, cost, group_errors},
    {"rms_norm", "rms_norm(x, normalized_shape, weight, eps)",
     "x / sqrt(mean(x^2) + eps) weight over the last dimensions",
     "r (g w - h mean(g w h)), r = 1 / sqrt(mean(x^2) + eps), h = x r", "x, r, h", "", rms_samples,
     cost, rms_errors},
    {"instance_norm",
     "instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)",
     "(x - mean) / sqrt(var + eps) weight + bias, mean and var of each sample's channel",
     "as layer_norm, a channel being a row", "x, each channel's mean and rstd",
     "layer_norm layer_norm_grad", instance_samples, cost, instance_errors},
};

}  // namespace

std::span<const OpInfo> normalization_ops() {
  return kTable;
}

}  // namespace tinytorch
