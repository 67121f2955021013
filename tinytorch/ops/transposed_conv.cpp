// Convolution over sequences, which are images of one row, and transposed convolution, whose kernel
// is that of conv2d's gradient.
#include "tinytorch/ops/transposed_conv.h"

#include <algorithm>

#include "tinytorch/ops/common.h"
#include "tinytorch/ops/conv_gradients.h"

namespace tinytorch {

// ---- conv2d's gradients. With y = conv2d(x, w) they are the maps a(g, w) and b(g, x) in
//   <g, conv2d(x, w)> = <a(g, w), x> = <b(g, x), w>
// and the same three products are the gradients of a and b.

Tensor conv2d_input_gradient(const Tensor& g, const Tensor& weight, const Shape& x,
                             const ConvOptions& options) {
  const bool recording = needs_grad(g, weight);
  Tensor out = [&] {
    const NoGrad no_grad;
    return gradients::conv2d_input(g, weight, x, options);
  }();
  if (recording)
    set_gradient(
        "conv2d_input_gradient", out, {&g, &weight},
        [g = Saved(g), weight = Saved(weight), options](GradContext& c) {
          const Tensor w = weight.get(c);
          if (c.needs(0)) c.set(0, conv2d(c.grad(), w, {}, options));
          if (c.needs(1)) c.set(1, conv2d_weight_gradient(g.get(c), c.grad(), w.shape(), options));
        },
        Formula::kComposed);
  return out;
}

Tensor conv2d_weight_gradient(const Tensor& g, const Tensor& x, const Shape& weight,
                              const ConvOptions& options) {
  const bool recording = needs_grad(g, x);
  Tensor out = [&] {
    const NoGrad no_grad;
    return gradients::conv2d_weight(g, x, weight, options, nullptr);
  }();
  if (recording)
    set_gradient(
        "conv2d_weight_gradient", out, {&g, &x},
        [g = Saved(g), x = Saved(x), options](GradContext& c) {
          const Tensor image = x.get(c);
          if (c.needs(0)) c.set(0, conv2d(image, c.grad(), {}, options));
          if (c.needs(1))
            c.set(1, conv2d_input_gradient(g.get(c), c.grad(), image.shape(), options));
        },
        Formula::kComposed);
  return out;
}

namespace {

void check_transposed(const Tensor& x, const Tensor& w, const Tensor& bias,
                      const ConvTransposeOptions& o) {
  require_same_dtype(x, w, "conv_transpose2d");
  if (x.dim() != 4 || w.dim() != 4)
    raise<ShapeError>(
        "conv_transpose2d: input {} and weight {} must both have 4 dimensions (n, c, h, w) and "
        "(in, out / groups, kh, kw). Hint: unsqueeze(0) makes one image a batch.",
        describe(x), describe(w));
  for (int i = 0; i < 2; ++i) {
    if (o.stride[i] < 1 || o.dilation[i] < 1 || o.padding[i] < 0)
      raise<ShapeError>(
          "conv_transpose2d: stride {} and dilation {} must be positive, padding {} not negative.",
          o.stride[i], o.dilation[i], o.padding[i]);
    if (o.output_padding[i] < 0 || o.output_padding[i] >= std::max(o.stride[i], o.dilation[i]))
      raise<ShapeError>(
          "conv_transpose2d: output_padding {} must be at least 0 and less than stride {} or "
          "dilation {}.",
          o.output_padding[i], o.stride[i], o.dilation[i]);
  }
  if (o.groups < 1 || w.shape()[0] % o.groups != 0)
    raise<ShapeError>("conv_transpose2d: {} groups do not divide {} input channels.", o.groups,
                      w.shape()[0]);
  if (x.shape()[1] != w.shape()[0])
    raise<ShapeError>(
        "conv_transpose2d: input {} does not fit weight {}: it has {} channels, the weight takes "
        "{}. Hint: the weight of a transposed convolution is (in, out / groups, kh, kw).",
        describe(x), describe(w), x.shape()[1], w.shape()[0]);
  if (bias.defined() && bias.shape() != Shape{w.shape()[1] * o.groups})
    raise<ShapeError>("conv_transpose2d: bias {} does not fit weight {}: it must be [{}].",
                      describe(bias), describe(w), w.shape()[1] * o.groups);
  if (x.shape()[2] < 1 || x.shape()[3] < 1 || w.shape()[2] < 1 || w.shape()[3] < 1)
    raise<ShapeError>("conv_transpose2d: input {} or weight {} has no pixels.", describe(x),
                      describe(w));
}

Tensor image_of(const Tensor& x, const char* op, const char* name) {  // (a, b, l) -> (a, b, 1, l)
  if (x.dim() != 3)
    raise<ShapeError>(
        "{}: the {} {} must have 3 dimensions: input (n, c, l), weight (out, in, k), transposed "
        "(in, out, k), in or out by groups. Hint: unsqueeze(0) makes one sequence a batch.",
        op, name, describe(x));
  return x.unsqueeze(2);
}

}  // namespace

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTransposeOptions& o) {
  check_transposed(x, weight, bias, o);
  const ConvOptions conv{{o.stride[0], o.stride[1]},
                         {o.padding[0], o.padding[1]},
                         {o.dilation[0], o.dilation[1]},
                         o.groups};
  int64_t size[2] = {}, more[2] = {};
  for (int i = 0; i < 2; ++i) {
    size[i] = (x.shape()[2 + i] - 1) * o.stride[i] - 2 * o.padding[i] +
              o.dilation[i] * (weight.shape()[2 + i] - 1) + o.output_padding[i] + 1;
    more[i] = o.output_padding[i] / o.stride[i];  // windows that only the output padding makes
  }
  if (size[0] < 1 || size[1] < 1)
    raise<ShapeError>("conv_transpose2d: padding {}x{} leaves nothing of {} (output {}x{}).",
                      o.padding[0], o.padding[1], describe(x), size[0], size[1]);
  const Tensor in = more[0] || more[1] ? pad(x, {0, more[1], 0, more[0]}) : x;
  const Tensor y = conv2d_input_gradient(
      in, weight, {x.shape()[0], weight.shape()[1] * o.groups, size[0], size[1]}, conv);
  return bias.defined() ? y + bias.reshape({1, bias.numel(), 1, 1}) : y;
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride,
              int64_t padding, int64_t dilation, int64_t groups) {
  return conv2d(image_of(x, "conv1d", "input"), image_of(weight, "conv1d", "weight"), bias,
                {{1, stride}, {0, padding}, {1, dilation}, groups})
      .squeeze(2);
}

Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride,
                        int64_t padding, int64_t output_padding, int64_t groups, int64_t dilation) {
  return conv_transpose2d(image_of(x, "conv_transpose1d", "input"),
                          image_of(weight, "conv_transpose1d", "weight"), bias,
                          {{1, stride}, {0, padding}, {0, output_padding}, groups, {1, dilation}})
      .squeeze(2);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
Tensor bias_of(Inputs t) {
  return t.size() > 2 ? t[2] : Tensor();
}
std::vector<Tensor> operands(SampleMaker& m, const Shape& x, const Shape& w, int64_t bias) {
  std::vector<Tensor> in = {m.normal(x), m.normal(w)};
  if (bias > 0) in.push_back(m.normal({bias}));
  return in;
}
std::vector<Sample> conv1d_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& x, const Shape& w, bool bias,
                          int64_t stride, int64_t padding, int64_t dilation, int64_t groups) {
    return Sample{std::move(label), operands(m, x, w, bias ? w[0] : 0), [=](Inputs t) {
                    return conv1d(t[0], t[1], bias_of(t), stride, padding, dilation, groups);
                  }};
  };
  return {sample("padded, bias", {2, 3, 7}, {4, 3, 3}, true, 1, 1, 1, 1),
          sample("stride 2, dilation 2", {1, 2, 9}, {3, 2, 3}, false, 2, 1, 2, 1),
          sample("2 groups", {2, 4, 5}, {6, 2, 2}, true, 1, 0, 1, 2),
          sample("no sequences", {0, 2, 4}, {3, 2, 3}, true, 1, 0, 1, 1)};
}
std::vector<Sample> transpose2d_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& x, const Shape& w, bool bias,
                          ConvTransposeOptions o) {
    return Sample{std::move(label), operands(m, x, w, bias ? w[1] * o.groups : 0),
                  [=](Inputs t) { return conv_transpose2d(t[0], t[1], bias_of(t), o); }};
  };
  return {sample("3x3, bias", {2, 3, 3, 4}, {3, 2, 3, 3}, true, {}),
          sample("stride 2, padded", {1, 2, 4, 3}, {2, 3, 4, 3}, false, {{2, 2}, {1, 0}}),
          sample("output padding", {2, 2, 3, 2}, {2, 3, 3, 3}, true, {{2, 3}, {1, 1}, {1, 2}}),
          sample("2 groups, dilation", {1, 4, 3, 3}, {4, 3, 2, 2}, true,
                 {{1, 2}, {0, 1}, {0, 0}, 2, {2, 1}}),
          sample("output padding below the dilation", {1, 2, 3, 2}, {2, 2, 2, 3}, false,
                 {{1, 2}, {2, 2}, {1, 2}, 1, {2, 3}}),
          sample("1x1", {2, 3, 2, 2}, {3, 5, 1, 1}, false, {}),
          sample("no images", {0, 2, 2, 2}, {2, 3, 3, 3}, true, {})};
}
std::vector<Sample> transpose1d_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& x, const Shape& w, bool bias,
                          int64_t stride, int64_t padding, int64_t output_padding, int64_t groups,
                          int64_t dilation) {
    return Sample{std::move(label), operands(m, x, w, bias ? w[1] * groups : 0), [=](Inputs t) {
                    return conv_transpose1d(t[0], t[1], bias_of(t), stride, padding, output_padding,
                                            groups, dilation);
                  }};
  };
  return {sample("stride 2, bias", {2, 3, 4}, {3, 2, 4}, true, 2, 1, 0, 1, 1),
          sample("output padding, 2 groups", {1, 4, 3}, {4, 2, 3}, false, 3, 1, 2, 2, 1),
          sample("dilation 2", {2, 2, 3}, {2, 3, 2}, true, 1, 0, 0, 1, 2)};
}

Cost conv1d_cost(const Sample& s, const Tensor& out) {
  const Shape& w = s.inputs[1].shape();
  return streaming_cost(s, out, 2.0 * static_cast<double>(w[1] * w[2]));
}
Cost transposed_cost(const Sample& s, const Tensor& out) {
  const Shape& w = s.inputs[1].shape();
  Cost c = streaming_cost(s, out);
  c.flops =
      2.0 * static_cast<double>(s.inputs[0].numel() * w[1] * w[2] * (w.rank() > 3 ? w[3] : 1));
  return c;
}

std::vector<ErrorCase> conv1d_errors() {
  return {{"2-d input", [] { conv1d(zeros({3, 4}), zeros({2, 3, 3})); },
           "conv1d: the input f32 [3, 4] must have 3 dimensions"},
          {"weight", [] { conv1d(zeros({1, 3, 4}), zeros({2, 3, 1, 3})); },
           "conv1d: the weight f32 [2, 3, 1, 3] must have 3 dimensions"},
          {"channels", [] { conv1d(zeros({1, 2, 4}), zeros({2, 3, 3})); },
           "it has 2 channels, the weight takes 3"}};
}
std::vector<ErrorCase> transpose2d_errors() {
  return {
      {"3-d input", [] { conv_transpose2d(zeros({3, 4, 4}), zeros({3, 2, 3, 3})); },
       "unsqueeze(0)"},
      {"channels", [] { conv_transpose2d(zeros({1, 2, 4, 4}), zeros({3, 2, 3, 3})); },
       "it has 2 channels, the weight takes 3"},
      {"groups",
       [] {
         conv_transpose2d(zeros({1, 3, 4, 4}), zeros({3, 2, 3, 3}), {},
                          {{1, 1}, {0, 0}, {0, 0}, 2});
       },
       "2 groups do not divide 3 input channels"},
      {"output padding",
       [] {
         conv_transpose2d(zeros({1, 3, 4, 4}), zeros({3, 2, 3, 3}), {}, {{2, 2}, {0, 0}, {2, 0}});
       },
       "output_padding 2 must be at least 0 and less than stride 2 or dilation 1"},
      {"padding",
       [] { conv_transpose2d(zeros({1, 3, 1, 1}), zeros({3, 2, 3, 3}), {}, {{1, 1}, {2, 2}}); },
       "padding 2x2 leaves nothing"},
      {"bias", [] { conv_transpose2d(zeros({1, 3, 4, 4}), zeros({3, 2, 3, 3}), zeros({3})); },
       "must be [2]"},
      {"stride", [] { conv_transpose2d(zeros({1, 3, 4, 4}), zeros({3, 2, 3, 3}), {}, {{0, 1}}); },
       "must be positive"},
      {"empty image", [] { conv_transpose2d(zeros({1, 3, 0, 4}), zeros({3, 2, 3, 3})); },
       "has no pixels"}};
}
std::vector<ErrorCase> transpose1d_errors() {
  return {{"2-d input", [] { conv_transpose1d(zeros({3, 4}), zeros({3, 2, 3})); },
           "conv_transpose1d: the input f32 [3, 4] must have 3 dimensions"}};
}

// All five: their variants are chosen together (kernels::conv2d_layout).
const char* const kKernels =
    "conv2d conv2d_grad_input conv2d_grad_weight conv2d_pool conv2d_pool_grad";
const OpInfo kTable[] = {
    {"conv1d", "conv1d(x, weight, bias, stride, padding, dilation, groups)",
     "conv2d of sequences as images of one row", "as conv2d", "x, weight", kKernels, conv1d_samples,
     conv1d_cost, conv1d_errors},
    {"conv_transpose2d",
     "conv_transpose2d(x, weight, bias, {stride, padding, output_padding, groups, dilation})",
     "conv2d's gradient of its input: each pixel adds its copy of the kernel",
     "dx = conv2d(g, weight); dw = conv2d's weight gradient of image g and gradient x; "
     "dbias = sum g",
     "x, weight", kKernels, transpose2d_samples, transposed_cost, transpose2d_errors},
    {"conv_transpose1d",
     "conv_transpose1d(x, weight, bias, stride, padding, output_padding, groups, dilation)",
     "conv_transpose2d of sequences as images of one row", "as conv_transpose2d", "x, weight",
     kKernels, transpose1d_samples, transposed_cost, transpose1d_errors},
};

}  // namespace

std::span<const OpInfo> transposed_conv_ops() {
  return kTable;
}

}  // namespace tinytorch
