// The operations of ops/losses.h, normalization.h, transposed_conv.h, interpolate.h and the
// activations of ops/math.h, for tinytorch.nn.functional.
#include "python/src/functional.h"
#include "tinytorch/ops/interpolate.h"
#include "tinytorch/ops/losses.h"
#include "tinytorch/ops/masked_attention.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/normalization.h"
#include "tinytorch/ops/transposed_conv.h"

namespace tinytorch::python {

namespace {

void bind_activations(py::module_& m) {
  const auto guard = py::call_guard<Compute>();
  m.def(
      "leaky_relu", [](const Tensor& x, double slope) { return leaky_relu(x, slope); },
      py::arg("input"), py::arg("negative_slope") = 0.01, guard);
  m.def(
      "elu", [](const Tensor& x, double alpha) { return elu(x, alpha); }, py::arg("input"),
      py::arg("alpha") = 1.0, guard);
  m.def(
      "softplus",
      [](const Tensor& x, double beta, double threshold) { return softplus(x, beta, threshold); },
      py::arg("input"), py::arg("beta") = 1.0, py::arg("threshold") = 20.0, guard);
}

void bind_losses(py::module_& m) {
  const auto guard = py::call_guard<Compute>();
  const auto mean = py::arg("reduction") = "mean";
  m.def(
      "cross_entropy",
      [](const Tensor& x, const Tensor& target, Optional weight, int64_t ignore_index,
         const std::string& reduction, double label_smoothing) {
        const Reduction r = reduction_from(reduction);
        // Without weights and probabilities: the fused kernel.
        if (!weight && !is_floating(target.dtype()))
          return cross_entropy(x, target, r, ignore_index, label_smoothing);
        return cross_entropy(x, target, or_undefined(weight), ignore_index, r, label_smoothing);
      },
      py::arg("input"), py::arg("target"), py::arg("weight") = py::none(),
      py::arg("ignore_index") = -100, mean, py::arg("label_smoothing") = 0.0, guard);
  m.def(
      "nll_loss",
      [](const Tensor& x, const Tensor& target, Optional weight, int64_t ignore_index,
         const std::string& reduction) {
        return nll_loss(x, target, or_undefined(weight), ignore_index, reduction_from(reduction));
      },
      py::arg("input"), py::arg("target"), py::arg("weight") = py::none(),
      py::arg("ignore_index") = -100, mean, guard);
  m.def(
      "l1_loss",
      [](const Tensor& x, const Tensor& target, const std::string& reduction) {
        return l1_loss(x, target, reduction_from(reduction));
      },
      py::arg("input"), py::arg("target"), mean, guard);
  m.def(
      "smooth_l1_loss",
      [](const Tensor& x, const Tensor& target, const std::string& reduction, double beta) {
        return smooth_l1_loss(x, target, reduction_from(reduction), beta);
      },
      py::arg("input"), py::arg("target"), mean, py::arg("beta") = 1.0, guard);
  m.def(
      "binary_cross_entropy",
      [](const Tensor& x, const Tensor& target, Optional weight, const std::string& reduction) {
        return binary_cross_entropy(x, target, or_undefined(weight), reduction_from(reduction));
      },
      py::arg("input"), py::arg("target"), py::arg("weight") = py::none(), mean, guard);
  m.def(
      "binary_cross_entropy_with_logits",
      [](const Tensor& x, const Tensor& target, Optional weight, const std::string& reduction,
         Optional pos_weight) {
        return binary_cross_entropy_with_logits(
            x, target, or_undefined(weight), reduction_from(reduction), or_undefined(pos_weight));
      },
      py::arg("input"), py::arg("target"), py::arg("weight") = py::none(), mean,
      py::arg("pos_weight") = py::none(), guard);
  m.def(
      "kl_div",
      [](const Tensor& x, const Tensor& target, const std::string& reduction, bool log_target) {
        if (reduction == "batchmean") return kl_div(x, target, KlReduction::kBatchMean, log_target);
        const Reduction r = reduction_from(reduction);
        return kl_div(x, target,
                      r == Reduction::kMean  ? KlReduction::kMean
                      : r == Reduction::kSum ? KlReduction::kSum
                                             : KlReduction::kNone,
                      log_target);
      },
      py::arg("input"), py::arg("target"), mean, py::arg("log_target") = false, guard);
}

void bind_norms(py::module_& m) {
  const auto guard = py::call_guard<Compute>();
  m.def(
      "group_norm",
      [](const Tensor& x, int64_t groups, Optional weight, Optional bias, double eps) {
        return group_norm(x, groups, or_undefined(weight), or_undefined(bias), eps);
      },
      py::arg("input"), py::arg("num_groups"), py::arg("weight") = py::none(),
      py::arg("bias") = py::none(), py::arg("eps") = 1e-5, guard);
  m.def(
      "rms_norm",
      [](const Tensor& x, const Shape& shape, Optional weight, std::optional<double> eps) {
        return rms_norm(x, shape, or_undefined(weight), eps);
      },
      py::arg("input"), py::arg("normalized_shape"), py::arg("weight") = py::none(),
      py::arg("eps") = py::none(), guard);
}

Tensor conv_transpose2d_of(const Tensor& x, const Tensor& weight, Optional bias,
                           const Shape& stride, const Shape& padding, const Shape& output_padding,
                           int64_t groups, const Shape& dilation) {
  ConvTransposeOptions o;
  set_pair(o.stride, stride, "conv_transpose2d", "stride");
  set_pair(o.padding, padding, "conv_transpose2d", "padding");
  set_pair(o.output_padding, output_padding, "conv_transpose2d", "output_padding");
  set_pair(o.dilation, dilation, "conv_transpose2d", "dilation");
  o.groups = groups;
  return conv_transpose2d(x, weight, or_undefined(bias), o);
}

Tensor interpolate_of(const Tensor& x, const std::optional<Shape>& size,
                      const std::optional<std::vector<double>>& scale, const std::string& mode,
                      bool align_corners) {
  if (mode != "nearest" && mode != "bilinear")
    throw NotImplemented("interpolate: mode '" + mode +
                         "' is missing; there are nearest, bilinear.");
  const auto m = mode == "nearest" ? Interpolation::kNearest : Interpolation::kBilinear;
  if (size.has_value() == scale.has_value())
    throw ConfigError("interpolate: say either size or scale_factor.");
  if (scale) return interpolate_by(x, scale->front(), scale->back(), m, align_corners);
  int64_t out[2];
  set_pair(out, *size, "interpolate", "size");
  return interpolate(x, out[0], out[1], m, align_corners);
}

void bind_images(py::module_& m) {
  const auto guard = py::call_guard<Compute>();
  const auto bias = py::arg("bias") = py::none();
  m.def(
      "conv1d",
      [](const Tensor& x, const Tensor& w, Optional b, int64_t stride, int64_t padding,
         int64_t dilation, int64_t groups) {
        return conv1d(x, w, or_undefined(b), stride, padding, dilation, groups);
      },
      py::arg("input"), py::arg("weight"), bias, py::arg("stride") = 1, py::arg("padding") = 0,
      py::arg("dilation") = 1, py::arg("groups") = 1, guard);
  m.def(
      "conv_transpose1d",
      [](const Tensor& x, const Tensor& w, Optional b, int64_t stride, int64_t padding,
         int64_t output_padding, int64_t groups, int64_t dilation) {
        return conv_transpose1d(x, w, or_undefined(b), stride, padding, output_padding, groups,
                                dilation);
      },
      py::arg("input"), py::arg("weight"), bias, py::arg("stride") = 1, py::arg("padding") = 0,
      py::arg("output_padding") = 0, py::arg("groups") = 1, py::arg("dilation") = 1, guard);
  m.def("conv_transpose2d", &conv_transpose2d_of, py::arg("input"), py::arg("weight"), bias,
        py::arg("stride") = 1, py::arg("padding") = 0, py::arg("output_padding") = 0,
        py::arg("groups") = 1, py::arg("dilation") = 1, guard);
  m.def(
      "interpolate",
      [](const Tensor& x, const std::optional<Shape>& size, py::object scale,
         const std::string& mode, bool align_corners) {
        std::optional<std::vector<double>> factors;
        if (py::isinstance<py::sequence>(scale))
          factors = scale.cast<std::vector<double>>();
        else if (!scale.is_none())
          factors = {scale.cast<double>()};
        const Compute compute;
        return interpolate_of(x, size, factors, mode, align_corners);
      },
      py::arg("input"), py::arg("size") = py::none(), py::arg("scale_factor") = py::none(),
      py::arg("mode") = "nearest", py::arg("align_corners") = false);
  m.def(
      "scaled_dot_product_attention",
      [](const Tensor& q, const Tensor& k, const Tensor& v, Optional mask, bool is_causal) {
        if (!mask) return scaled_dot_product_attention(q, k, v, is_causal);
        if (is_causal)
          throw ConfigError("scaled_dot_product_attention: say either attn_mask or is_causal.");
        return scaled_dot_product_attention(q, k, v, *mask);
      },
      py::arg("query"), py::arg("key"), py::arg("value"), py::arg("attn_mask") = py::none(),
      py::kw_only(), py::arg("is_causal") = false, guard);
}

}  // namespace

void bind_more_functional(py::module_& m) {
  bind_activations(m);
  bind_losses(m);
  bind_norms(m);
  bind_images(m);
}

}  // namespace tinytorch::python
