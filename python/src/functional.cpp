// What networks are made of, for tinytorch.nn.functional: module tinytorch._C.nn.
#include "python/src/functional.h"

#include "tinytorch/core/random.h"
#include "tinytorch/nn/init.h"

namespace tinytorch::python {

void set_pair(int64_t (&pair)[2], const Shape& given, const char* op, const char* name) {
  if (given.rank() != 1 && given.rank() != 2)
    throw ConfigError(std::string(op) + ": " + name + " is a number or a pair, got " + given.str() +
                      ".");
  pair[0] = given[0];
  pair[1] = given[given.rank() - 1];
}

Reduction reduction_from(const std::string& name) {
  if (name == "mean") return Reduction::kMean;
  if (name == "sum") return Reduction::kSum;
  if (name == "none") return Reduction::kNone;
  throw ConfigError("reduction '" + name + "' is none of mean, sum, none.");
}

namespace {

Fused fused_from(const std::string& name) {
  if (name.empty()) return Fused::kNone;
  if (name == "relu") return Fused::kRelu;
  if (name == "gelu") return Fused::kGelu;
  if (name == "gelu_tanh") return Fused::kGeluTanh;
  throw ConfigError("activation '" + name + "' is none of relu, gelu, gelu_tanh.");
}

Tensor conv2d_of(const Tensor& x, const Tensor& weight, Optional bias, const Shape& stride,
                 const Shape& padding, const Shape& dilation, int64_t groups,
                 const std::string& activation, bool pool) {
  ConvOptions o;
  set_pair(o.stride, stride, "conv2d", "stride");
  set_pair(o.padding, padding, "conv2d", "padding");
  set_pair(o.dilation, dilation, "conv2d", "dilation");
  o.groups = groups;
  const Fused fused = fused_from(activation);
  return pool ? conv2d_pool(x, weight, or_undefined(bias), o, fused)
              : conv2d(x, weight, or_undefined(bias), o, fused);
}

PoolOptions pool_options(const Shape& kernel, const std::optional<Shape>& stride,
                         const Shape& padding, const char* op) {
  PoolOptions o;
  set_pair(o.kernel, kernel, op, "kernel_size");
  if (stride) set_pair(o.stride, *stride, op, "stride");
  set_pair(o.padding, padding, op, "padding");
  return o;
}

void bind_layers(py::module_& m) {
  const auto guard = py::call_guard<Compute>();
  m.def(
      "linear",
      [](const Tensor& x, const Tensor& w, Optional b, const std::string& activation) {
        return linear(x, w, or_undefined(b), fused_from(activation));
      },
      py::arg("input"), py::arg("weight"), py::arg("bias") = py::none(), py::arg("activation") = "",
      guard);
  m.def("conv2d", &conv2d_of, py::arg("input"), py::arg("weight"), py::arg("bias") = py::none(),
        py::arg("stride") = 1, py::arg("padding") = 0, py::arg("dilation") = 1,
        py::arg("groups") = 1, py::arg("activation") = "", py::arg("pool") = false, guard);
  m.def(
      "max_pool2d",
      [](const Tensor& x, const Shape& kernel, const std::optional<Shape>& stride,
         const Shape& padding) {
        return max_pool2d(x, pool_options(kernel, stride, padding, "max_pool2d"));
      },
      py::arg("input"), py::arg("kernel_size"), py::arg("stride") = py::none(),
      py::arg("padding") = 0, guard);
  m.def(
      "avg_pool2d",
      [](const Tensor& x, const Shape& kernel, const std::optional<Shape>& stride,
         const Shape& padding, bool count_include_pad) {
        PoolOptions o = pool_options(kernel, stride, padding, "avg_pool2d");
        o.count_include_pad = count_include_pad;
        return avg_pool2d(x, o);
      },
      py::arg("input"), py::arg("kernel_size"), py::arg("stride") = py::none(),
      py::arg("padding") = 0, py::arg("count_include_pad") = true, guard);
  m.def(
      "adaptive_avg_pool2d",
      [](const Tensor& x, const Shape& size) {
        int64_t out[2];
        set_pair(out, size, "adaptive_avg_pool2d", "output_size");
        return adaptive_avg_pool2d(x, out[0], out[1]);
      },
      py::arg("input"), py::arg("output_size"), guard);
  m.def(
      "embedding",
      [](const Tensor& index, const Tensor& weight) { return embedding(weight, index); },
      py::arg("input"), py::arg("weight"), guard);
  m.def(
      "dropout", [](const Tensor& x, double p, bool training) { return dropout(x, p, training); },
      py::arg("input"), py::arg("p") = 0.5, py::arg("training") = true,
      py::call_guard<Exclusive>());
  m.def(
      "batch_norm",
      [](const Tensor& x, Optional mean, Optional var, Optional weight, Optional bias,
         bool training, double momentum, double eps, Optional residual,
         const std::string& activation) {
        return batch_norm(x, or_undefined(mean), or_undefined(var), or_undefined(weight),
                          or_undefined(bias), training, momentum, eps, or_undefined(residual),
                          fused_from(activation));
      },
      py::arg("input"), py::arg("running_mean"), py::arg("running_var"),
      py::arg("weight") = py::none(), py::arg("bias") = py::none(), py::arg("training") = false,
      py::arg("momentum") = 0.1, py::arg("eps") = 1e-5, py::arg("residual") = py::none(),
      py::arg("activation") = "", guard);
  m.def(
      "layer_norm",
      [](const Tensor& x, const Shape& shape, Optional weight, Optional bias, double eps) {
        return layer_norm(x, shape, or_undefined(weight), or_undefined(bias), eps);
      },
      py::arg("input"), py::arg("normalized_shape"), py::arg("weight") = py::none(),
      py::arg("bias") = py::none(), py::arg("eps") = 1e-5, guard);
  m.def(
      "gelu",
      [](const Tensor& x, const std::string& form) {
        if (form != "none" && form != "tanh")
          throw ConfigError("gelu: approximate is 'none' or 'tanh', not '" + form + "'.");
        return gelu(x, form == "tanh" ? GeluForm::kTanh : GeluForm::kErf);
      },
      py::arg("input"), py::arg("approximate") = "none", guard);
  m.def("silu", &silu, py::arg("input"), guard);
  m.def(
      "pad",
      [](const Tensor& x, const std::vector<int64_t>& amounts, const std::string& mode,
         Scalar value) {
        if (mode != "constant")
          throw NotImplemented("pad: mode '" + mode + "' is missing; there is 'constant'.");
        return pad(x, std::span<const int64_t>(amounts), value);
      },
      py::arg("input"), py::arg("pad"), py::arg("mode") = "constant", py::arg("value") = 0.0,
      guard);
}

void bind_losses(py::module_& m) {
  const auto guard = py::call_guard<Compute>();
  m.def(
      "mse_loss",
      [](const Tensor& x, const Tensor& target, const std::string& reduction) {
        return mse_loss(x, target, reduction_from(reduction));
      },
      py::arg("input"), py::arg("target"), py::arg("reduction") = "mean", guard);
}

// Starting values, in place.
void bind_init(py::module_& m) {
  const auto guard = py::call_guard<Exclusive>();
  m.def("fan_in", &nn::init::fan_in);
  m.def("fan_out", &nn::init::fan_out);
  m.def(
      "uniform_",
      [](const Tensor& x, double low, double high) { nn::init::uniform_(x, low, high); }, guard);
  m.def(
      "normal_", [](const Tensor& x, double mean, double std) { nn::init::normal_(x, mean, std); },
      guard);
  m.def("constant_", [](const Tensor& x, double v) { nn::init::constant_(x, v); }, guard);
  m.def("calculate_gain", &nn::init::calculate_gain);
  const auto fan = [](const std::string& mode) {
    if (mode != "fan_in" && mode != "fan_out")
      throw ConfigError("kaiming: mode '" + mode + "' is none of fan_in, fan_out.");
    return mode == "fan_in" ? nn::init::FanMode::kFanIn : nn::init::FanMode::kFanOut;
  };
  m.def(
      "kaiming_uniform_",
      [fan](const Tensor& x, double a, const std::string& mode, const std::string& kind) {
        nn::init::kaiming_uniform_(x, a, fan(mode), kind);
      },
      guard);
  m.def(
      "kaiming_normal_",
      [fan](const Tensor& x, double a, const std::string& mode, const std::string& kind) {
        nn::init::kaiming_normal_(x, a, fan(mode), kind);
      },
      guard);
  m.def(
      "xavier_uniform_", [](const Tensor& x, double g) { nn::init::xavier_uniform_(x, g); }, guard);
  m.def("xavier_normal_", [](const Tensor& x, double g) { nn::init::xavier_normal_(x, g); }, guard);
  m.def("orthogonal_", [](const Tensor& x, double g) { nn::init::orthogonal_(x, g); }, guard);
  m.def(
      "trunc_normal_",
      [](const Tensor& x, double mean, double std, double low, double high) {
        nn::init::trunc_normal_(x, mean, std, low, high);
      },
      guard);
}

}  // namespace

void bind_functional(Api& api) {
  py::module_ m = api.module.def_submodule("nn");
  bind_layers(m);
  bind_losses(m);
  bind_more_functional(m);
  py::module_ init = m.def_submodule("init");
  bind_init(init);
}

}  // namespace tinytorch::python
