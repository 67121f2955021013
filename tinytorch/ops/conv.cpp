// Two-dimensional convolution. The kernel says in which memory order it wants its images: the plain
// loops take n,c,h,w, the fast kernel takes channels_last and gives it back, so that a network
// stays in that order between its layers.
#include "tinytorch/kernels/conv.h"

#include "tinytorch/ops/common.h"
#include "tinytorch/ops/conv_gradients.h"
#include "tinytorch/ops/packed_weight.h"

namespace tinytorch {

namespace {

kernels::ConvGeometry conv_geometry(const Shape& x, const Shape& w, const ConvOptions& o) {
  kernels::ConvGeometry g{};
  g.n = x[0], g.c = x[1], g.h = x[2], g.w = x[3];
  g.o = w[0], g.kh = w[2], g.kw = w[3];
  g.stride_h = o.stride[0], g.stride_w = o.stride[1];
  g.pad_h = o.padding[0], g.pad_w = o.padding[1];
  g.dil_h = o.dilation[0], g.dil_w = o.dilation[1];
  g.groups = o.groups;
  g.oh = kernels::conv_output_size(g.h, g.kh, g.stride_h, g.pad_h, g.dil_h);
  g.ow = kernels::conv_output_size(g.w, g.kw, g.stride_w, g.pad_w, g.dil_w);
  return g;
}

void check_conv(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& o) {
  require_same_dtype(x, w, "conv2d");
  if (x.dim() != 4 || w.dim() != 4)
    raise<ShapeError>(
        "conv2d: input {} and weight {} must both have 4 dimensions (n, c, h, w) and (out, in / "
        "groups, kh, kw). Hint: unsqueeze(0) makes one image a batch.",
        describe(x), describe(w));
  for (int i = 0; i < 2; ++i)
    if (o.stride[i] < 1 || o.dilation[i] < 1 || o.padding[i] < 0)
      raise<ShapeError>(
          "conv2d: stride {} and dilation {} must be positive, padding {} not negative.",
          o.stride[i], o.dilation[i], o.padding[i]);
  if (o.groups < 1 || x.shape()[1] % o.groups != 0 || w.shape()[0] % o.groups != 0)
    raise<ShapeError>("conv2d: {} groups do not divide {} input and {} output channels.", o.groups,
                      x.shape()[1], w.shape()[0]);
  if (x.shape()[1] != w.shape()[1] * o.groups)
    raise<ShapeError>(
        "conv2d: input {} does not fit weight {}: it has {} channels, the weight takes {} (with {} "
        "groups). Hint: images are (n, channels, height, width).",
        describe(x), describe(w), x.shape()[1], w.shape()[1] * o.groups, o.groups);
  if (bias.defined() && bias.shape() != Shape{w.shape()[0]})
    raise<ShapeError>("conv2d: bias {} does not fit weight {}: it must be [{}].", describe(bias),
                      describe(w), w.shape()[0]);
  const kernels::ConvGeometry g = conv_geometry(x.shape(), w.shape(), o);
  if (g.oh < 1 || g.ow < 1)
    raise<ShapeError>(
        "conv2d: kernel {}x{} does not fit into the padded input {} (output {}x{}). Hint: a larger "
        "padding, or fewer poolings before it.",
        g.kh, g.kw, describe(x), g.oh, g.ow);
}

MemoryFormat conv_format(DType dtype) {
  return dtype == DType::kF32 && kernels::conv2d_layout() == kernels::ImageLayout::kNhwc
             ? MemoryFormat::kChannelsLast
             : MemoryFormat::kContiguous;
}

// Calls `kernel` with the copy of the weight that InferenceMode keeps, if it does.
template <class Kernel, class Args>
void run_packed(const Kernel& kernel, Args a, const Tensor& weight) {
  const bool simd = kernel.chosen() == kernel.find("simd");
  const Ref<PackedWeight> packed = packed_conv_weight(weight, a.g, simd);
  if (packed) a.packed = static_cast<const float*>(packed->data.data());
  kernel(a);
}

// Overloads that choose the variant: f64 always runs the loops.
void run(const kernels::ConvArgs<float>& a, const Tensor& weight) {
  run_packed(kernels::conv2d_f32, a, weight);
}
void run(const kernels::ConvArgs<double>& a, const Tensor&) {
  kernels::loops::conv2d(a);
}
void run(const kernels::ConvGradInputArgs<float>& a) {
  kernels::conv2d_grad_input_f32(a);
}
void run(const kernels::ConvGradInputArgs<double>& a) {
  kernels::loops::conv2d_grad_input(a);
}
void run(const kernels::ConvGradWeightArgs<float>& a) {
  kernels::conv2d_grad_weight_f32(a);
}
void run(const kernels::ConvGradWeightArgs<double>& a) {
  kernels::loops::conv2d_grad_weight(a);
}

void run(const kernels::ConvPoolArgs<float>& a, const Tensor& weight) {
  run_packed(kernels::conv2d_pool_f32, a, weight);
}
void run(const kernels::ConvPoolArgs<double>& a, const Tensor&) {
  kernels::loops::conv2d_pool(a);
}
void run(const kernels::ConvPoolGradArgs<float>& a) {
  kernels::conv2d_pool_grad_f32(a);
}
void run(const kernels::ConvPoolGradArgs<double>& a) {
  kernels::loops::conv2d_pool_grad(a);
}

// Checked operands in the memory order that the kernel takes.
struct Operands {
  kernels::ConvGeometry g;
  MemoryFormat format;
  Tensor image, w, b;  // b undefined: no bias

  Operands(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
    check_conv(x, weight, bias, options);
    g = conv_geometry(x.shape(), weight.shape(), options);
    format = conv_format(x.dtype());
    const NoGrad no_grad;
    image = x.contiguous(format);
    w = weight.contiguous();
    if (bias.defined()) b = bias.contiguous();
  }
  template <class T>
  const T* bias() const {
    return b.defined() ? b.data<T>() : nullptr;
  }
};

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options,
              Fused activation) {
  const Operands in(x, weight, bias, options);
  const bool recording = needs_grad(x, weight, bias);
  const bool gelu = activation == Fused::kGelu || activation == Fused::kGeluTanh;
  Tensor out = empty({in.g.n, in.g.o, in.g.oh, in.g.ow}, x.dtype(), in.format);
  if (out.numel() > 0)
    with_float(x.dtype(), "conv2d", [&](auto type) {
      using T = decltype(type);
      run(kernels::ConvArgs<T>{in.g, in.image.data<T>(), in.w.data<T>(), in.bias<T>(),
                               out.data<T>(),
                               gelu ? kernels::Activation::kNone : kernel_activation(activation)},
          in.w);
    });
  if (recording)
    set_gradient(
        "conv2d", out, {&x, &weight, &bias},
        [image = Saved(in.image), w = Saved(in.w), x = Saved(x), weight = Saved(weight), options,
         xs = x.shape(), ws = weight.shape(),
         kept = activation == Fused::kRelu ? Saved::output(out) : Saved()](GradContext& c) {
          if (c.create_graph()) {
            const Tensor g = kept.defined() ? relu_gradient(c.grad(), kept.get(c)) : c.grad();
            if (c.needs(0)) c.set(0, conv2d_input_gradient(g, weight.get(c), xs, options));
            if (c.needs(1)) c.set(1, conv2d_weight_gradient(g, x.get(c), ws, options));
            if (c.needs(2)) c.set(2, g.sum({0, 2, 3}));
            return;
          }
          const Tensor dy = kept.defined() ? gradients::relu(c.grad(), kept.get(c)) : c.grad();
          if (c.needs(0)) c.set(0, gradients::conv2d_input(dy, w.get(c), xs, options));
          if (!c.needs(1) && !c.needs(2)) return;
          Tensor db;
          Tensor dw = gradients::conv2d_weight(dy, image.get(c), ws, options, &db);
          if (c.needs(1)) c.set(1, dw);
          if (c.needs(2)) c.set(2, db);
        },
        Formula::kComposed);
  return gelu ? tinytorch::gelu(out, activation == Fused::kGelu ? GeluForm::kErf : GeluForm::kTanh)
              : out;
}

namespace {

// Sends the gradient of a pooled output to the winners of its windows: dense, n x o x oh x ow.
Tensor unpool(const kernels::ConvGeometry& g, MemoryFormat format, const Tensor& dy,
              const Tensor& y, const Tensor& index, bool relu) {
  Tensor dconv = empty({g.n, g.o, g.oh, g.ow}, dy.dtype(), format);
  with_float(dy.dtype(), "conv2d_pool", [&](auto type) {
    using T = decltype(type);
    run(kernels::ConvPoolGradArgs<T>{g, dy.data<T>(), y.data<T>(), index.data<uint8_t>(),
                                     dconv.data<T>(), relu});
  });
  return dconv;
}

}  // namespace

Tensor conv2d_pool(const Tensor& x, const Tensor& weight, const Tensor& bias,
                   const ConvOptions& options, Fused activation) {
  const Operands in(x, weight, bias, options);
  if (activation != Fused::kNone && activation != Fused::kRelu)
    raise<NotImplemented>("conv2d_pool: the activation must be none or ReLU.");
  if (in.g.oh < 2 || in.g.ow < 2)
    raise<ShapeError>("conv2d_pool: the convolution of {} gives {}x{}: too small to pool by 2.",
                      describe(x), in.g.oh, in.g.ow);
  const bool relu = activation == Fused::kRelu, recording = needs_grad(x, weight, bias);
  Tensor out = empty({in.g.n, in.g.o, in.g.oh / 2, in.g.ow / 2}, x.dtype(), in.format);
  const Tensor index = recording ? empty(out.shape(), DType::kU8, in.format) : Tensor();
  if (out.numel() > 0)
    with_float(x.dtype(), "conv2d_pool", [&](auto type) {
      using T = decltype(type);
      run(kernels::ConvPoolArgs<T>{in.g, in.image.data<T>(), in.w.data<T>(), in.bias<T>(),
                                   out.data<T>(), recording ? index.data<uint8_t>() : nullptr,
                                   relu},
          in.w);
    });
  if (recording)
    set_gradient(
        "conv2d_pool", out, {&x, &weight, &bias},
        [image = Saved(in.image), w = Saved(in.w), index = Saved(index), y = Saved::output(out),
         x = Saved(x), weight = Saved(weight), bias = Saved(bias), options, g = in.g,
         xs = x.shape(), ws = weight.shape(), relu](GradContext& c) {
          if (c.create_graph())
            return composed_gradient(
                c, c.grad(), {x.get(c), weight.get(c), bias.get(c)},
                [&](const std::vector<Tensor>& t) {
                  return max_pool2d(
                      conv2d(t[0], t[1], t[2], options, relu ? Fused::kRelu : Fused::kNone));
                });
          const MemoryFormat format = conv_format(c.grad().dtype());
          const Tensor dy = c.grad().contiguous(format);
          const bool dense = c.needs(0) || format == MemoryFormat::kContiguous || dy.numel() == 0;
          const Tensor dconv = !dense ? Tensor()
                               : dy.numel() == 0
                                   ? zeros({g.n, g.o, g.oh, g.ow}, dy.dtype())
                                   : unpool(g, format, dy, y.get(c), index.get(c), relu);
          if (c.needs(0)) c.set(0, gradients::conv2d_input(dconv, w.get(c), xs, options));
          if (!c.needs(1) && !c.needs(2)) return;
          Tensor dw, db;
          if (dense) {
            dw = gradients::conv2d_weight(dconv, image.get(c), ws, options, &db);
          } else {  // the first layer of a network: no dense gradient is ever made
            dw = empty(ws, dy.dtype()), db = empty({ws[0]}, dy.dtype());
            kernels::ConvGradWeightArgs<float> args{g, image.get(c).data<float>(), dy.data<float>(),
                                                    dw.data<float>(), db.data<float>()};
            args.pool_index = index.get(c).data<uint8_t>();
            args.pool_y = relu ? y.get(c).data<float>() : nullptr;
            run(args);
          }
          if (c.needs(1)) c.set(1, dw);
          if (c.needs(2)) c.set(2, db);
        },
        Formula::kComposed);
  return out;
}

namespace gradients {

// The regions of these two stand in kernels/loops/conv_backward.cpp; here only the call.
Tensor conv2d_input(const Tensor& g, const Tensor& weight, const Shape& x,
                    const ConvOptions& options) {
  const MemoryFormat format = conv_format(g.dtype());
  const Tensor dy = g.contiguous(format), w = weight.contiguous();
  Tensor dx = empty(x, g.dtype(), format);
  if (dx.numel() > 0)
    with_float(g.dtype(), "conv2d", [&](auto type) {
      using T = decltype(type);
      run(kernels::ConvGradInputArgs<T>{conv_geometry(x, weight.shape(), options), dy.data<T>(),
                                        w.data<T>(), dx.data<T>()});
    });
  return dx;
}

Tensor conv2d_weight(const Tensor& g, const Tensor& x, const Shape& weight,
                     const ConvOptions& options, Tensor* bias) {
  const MemoryFormat format = conv_format(g.dtype());
  const Tensor dy = g.contiguous(format), image = x.contiguous(format);
  if (dy.numel() == 0) {
    if (bias) *bias = zeros({weight[0]}, g.dtype());
    return zeros(weight, g.dtype());
  }
  Tensor dw = empty(weight, g.dtype());
  if (bias) *bias = empty({weight[0]}, g.dtype());
  with_float(g.dtype(), "conv2d", [&](auto type) {
    using T = decltype(type);
    kernels::ConvGradWeightArgs<T> args{conv_geometry(x.shape(), weight, options), image.data<T>(),
                                        dy.data<T>(), dw.data<T>(),
                                        bias ? bias->data<T>() : nullptr};
    run(args);
  });
  return dw;
}

}  // namespace gradients

// ---- the table

namespace {

Sample conv_sample(SampleMaker& m, std::string label, const Shape& x, const Shape& w, bool bias,
                   ConvOptions o, Fused f = Fused::kNone) {
  std::vector<Tensor> in = {m.normal(x), m.normal(w)};
  if (bias) in.push_back(m.normal({w[0]}));
  return {std::move(label), std::move(in), [o, f](const std::vector<Tensor>& t) {
            return conv2d(t[0], t[1], t.size() > 2 ? t[2] : Tensor(), o, f);
          }};
}

std::vector<Sample> conv_samples(SampleMaker& m) {
  return {
      conv_sample(m, "3x3 padded, bias", {2, 3, 5, 6}, {4, 3, 3, 3}, true, {{1, 1}, {1, 1}}),
      conv_sample(m, "stride 2, no bias", {1, 2, 7, 5}, {3, 2, 3, 2}, false, {{2, 1}, {0, 1}}),
      conv_sample(m, "dilation 2", {1, 2, 7, 7}, {2, 2, 3, 3}, true, {{1, 1}, {1, 2}, {2, 2}}),
      conv_sample(m, "2 groups", {2, 4, 4, 4}, {6, 2, 2, 2}, true, {{1, 1}, {0, 0}, {1, 1}, 2}),
      conv_sample(m, "depthwise", {1, 3, 4, 4}, {3, 1, 3, 3}, false, {{1, 1}, {1, 1}, {1, 1}, 3}),
      conv_sample(m, "1x1 stride 2", {2, 3, 4, 4}, {5, 3, 1, 1}, false, {{2, 2}}),
      conv_sample(m, "with relu", {1, 2, 4, 4}, {3, 2, 3, 3}, true, {{1, 1}, {1, 1}}, Fused::kRelu),
      conv_sample(m, "with gelu", {1, 2, 4, 4}, {3, 2, 3, 3}, true, {{1, 1}, {1, 1}}, Fused::kGelu),
      conv_sample(m, "no images", {0, 2, 4, 4}, {3, 2, 3, 3}, true, {})};
}

Sample conv_pool_sample(SampleMaker& m, std::string label, const Shape& x, const Shape& w,
                        bool bias, ConvOptions o, Fused f = Fused::kRelu) {
  std::vector<Tensor> in = {m.normal(x), m.normal(w)};
  if (bias) in.push_back(m.normal({w[0]}));
  return {std::move(label), std::move(in), [o, f](const std::vector<Tensor>& t) {
            return conv2d_pool(t[0], t[1], t.size() > 2 ? t[2] : Tensor(), o, f);
          }};
}

std::vector<Sample> conv_pool_samples(SampleMaker& m) {
  return {
      conv_pool_sample(m, "3x3 padded, bias", {2, 3, 6, 4}, {4, 3, 3, 3}, true, {{1, 1}, {1, 1}}),
      conv_pool_sample(m, "odd sizes", {1, 2, 7, 5}, {3, 2, 3, 3}, true, {{1, 1}, {1, 1}}),
      conv_pool_sample(m, "stride 2, no bias", {1, 2, 9, 8}, {3, 2, 3, 2}, false, {{2, 1}, {0, 1}}),
      conv_pool_sample(m, "without relu", {2, 2, 4, 4}, {3, 2, 3, 3}, true, {{1, 1}, {1, 1}},
                       Fused::kNone),
      conv_pool_sample(m, "2 groups", {1, 4, 5, 5}, {6, 2, 2, 2}, true,
                       {{1, 1}, {0, 0}, {1, 1}, 2}),
      conv_pool_sample(m, "no images", {0, 2, 4, 4}, {3, 2, 3, 3}, true, {})};
}

std::vector<ErrorCase> conv_pool_errors() {
  return {{"channels", [] { conv2d_pool(zeros({1, 2, 4, 4}), zeros({2, 3, 3, 3})); },
           "it has 2 channels, the weight takes 3"},
          {"too small to pool", [] { conv2d_pool(zeros({1, 3, 3, 3}), zeros({2, 3, 3, 3})); },
           "too small to pool"},
          {"activation",
           [] { conv2d_pool(zeros({1, 3, 4, 4}), zeros({2, 3, 3, 3}), {}, {}, Fused::kGelu); },
           "none or ReLU"}};
}

Cost conv_cost(const Sample& s, const Tensor& out) {
  const Shape& w = s.inputs[1].shape();
  return streaming_cost(s, out, 2.0 * static_cast<double>(w[1] * w[2] * w[3]));
}

std::vector<ErrorCase> conv_errors() {
  return {
      {"3-d input", [] { conv2d(zeros({3, 4, 4}), zeros({2, 3, 3, 3})); }, "unsqueeze(0)"},
      {"channels", [] { conv2d(zeros({1, 2, 4, 4}), zeros({2, 3, 3, 3})); },
       "it has 2 channels, the weight takes 3"},
      {"too small", [] { conv2d(zeros({1, 3, 2, 2}), zeros({2, 3, 3, 3})); }, "does not fit into"},
      {"groups",
       [] { conv2d(zeros({1, 3, 4, 4}), zeros({2, 1, 3, 3}), {}, {{1, 1}, {0, 0}, {1, 1}, 2}); },
       "2 groups do not divide 3"},
      {"bias", [] { conv2d(zeros({1, 3, 4, 4}), zeros({2, 3, 3, 3}), zeros({3})); }, "must be [2]"},
      {"dtype", [] { conv2d(zeros({1, 3, 4, 4}), zeros({2, 3, 3, 3}, DType::kF64)); },
       "different dtypes"}};
}

// Both operations list all five: their variants are chosen together (kernels::conv2d_layout).
const char* const kKernels =
    "conv2d conv2d_grad_input conv2d_grad_weight conv2d_pool conv2d_pool_grad";

const OpInfo kTable[] = {
    {"conv2d", "conv2d(x, weight, bias, {stride, padding, dilation, groups}, activation)",
     "y[n,o,i,j] = act(bias[o] + sum x[n,c,i s + p d - pad,...] w[o,c,p,q])",
     "dx: g with the flipped weight; dw: g with x; dbias: sum of g",
     "x, weight; the output with relu", kKernels, conv_samples, conv_cost, conv_errors},
    {"conv2d_pool", "conv2d_pool(x, weight, bias, {stride, padding, dilation, groups}, activation)",
     "max_pool2d(act(conv2d(x, weight, bias)), 2x2, stride 2) in one pass",
     "to the winner of each window, then conv2d's", "x, weight, the output, a byte index", kKernels,
     conv_pool_samples, conv_cost, conv_pool_errors},
};

}  // namespace

std::span<const OpInfo> conv_ops() {
  return kTable;
}

}  // namespace tinytorch
