// Normalisation: batch norm over images or rows, layer norm over the last dimensions.
#include "tinytorch/kernels/norm.h"

#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

void check_channels(const char* op, const char* what, const Tensor& t, int64_t channels,
                    const Tensor& x) {
  if (t.defined() && (t.shape() != Shape{channels} || t.dtype() != x.dtype()))
    raise<ShapeError>(
        "{}: {} {} does not fit input {}: it must be {} [{}]. Hint: the layer was made for another "
        "number of channels.",
        op, what, describe(t), describe(x), dtype_name(x.dtype()), channels);
}

template <class T>
T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

// The memory order in which a batch norm works: the image's own if the fast kernel has it.
MemoryFormat norm_format(const Tensor& x) {
  return x.dim() == 4 && x.dtype() == DType::kF32 &&
                 kernels::conv2d_layout() == kernels::ImageLayout::kNhwc
             ? MemoryFormat::kChannelsLast
             : MemoryFormat::kContiguous;
}
kernels::ImageLayout kernel_layout(const Tensor& x, MemoryFormat format) {
  return format == MemoryFormat::kChannelsLast || x.dim() == 2 ? kernels::ImageLayout::kNhwc
                                                               : kernels::ImageLayout::kNchw;
}

// The formulas in differentiable operations.
Tensor normalized(const Tensor& x, std::span<const int64_t> dims, double eps) {
  return (x - mean(x, dims, true)) * rsqrt(var(x, dims, false, true) + eps);
}
Tensor scaled(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor y = weight.defined() ? x * weight : x;
  return bias.defined() ? y + bias : y;
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, double momentum,
                  double eps, const Tensor& residual, Fused activation) {
  if (x.dim() < 2)
    raise<ShapeError>("batch_norm: input {} must be (n, channels, ...).", describe(x));
  if (activation != Fused::kNone && activation != Fused::kRelu)
    raise<NotImplemented>("batch_norm: only ReLU can be fused.");
  const int64_t channels = x.shape()[1], count = channels ? x.numel() / channels : 0;
  check_channels("batch_norm", "running_mean", running_mean, channels, x);
  check_channels("batch_norm", "running_var", running_var, channels, x);
  check_channels("batch_norm", "weight", weight, channels, x);
  check_channels("batch_norm", "bias", bias, channels, x);
  if (running_mean.defined() != running_var.defined())
    raise<ShapeError>(
        "batch_norm: running_mean is {} but running_var is {}. Hint: give both, or neither.",
        describe(running_mean), describe(running_var));
  for (const Tensor* t : {&running_mean, &running_var})
    if (t->defined() && !t->is_contiguous())
      raise<ShapeError>(
          "batch_norm: running statistics are updated in place and must be contiguous.");
  const bool use_batch = training || !running_mean.defined();
  if (use_batch && count == 1)
    raise<ShapeError>(
        "batch_norm: input {} has one value a channel, so its variance is 0. Hint: use a larger "
        "batch "
        "or drop_last, or call eval() first.",
        describe(x));
  if (residual.defined() && residual.shape() != x.shape())
    raise<ShapeError>("batch_norm: residual {} does not fit input {}.", describe(residual),
                      describe(x));

  const MemoryFormat format = norm_format(x);
  const auto plain = [&](const Tensor& t) {
    const NoGrad no_grad;
    return t.defined() ? t.contiguous(format) : t;
  };
  const Tensor in = plain(x), add = plain(residual);
  const auto row = [](const Tensor& t) {
    const NoGrad no_grad;
    return t.defined() ? t.contiguous() : t;
  };
  const Tensor gamma = row(weight), beta = row(bias);
  const bool relu = activation == Fused::kRelu;
  Tensor out = empty(x.shape(), x.dtype(), format);
  Tensor mean = empty({channels}, x.dtype()), rstd = empty({channels}, x.dtype());
  const int64_t n = x.shape()[0], images = n * channels,
                spatial = images > 0 ? x.numel() / images : 0;
  with_float(x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    kernels::BatchNormArgs<T> args;
    args.n = n, args.c = channels, args.spatial = spatial;
    args.layout = kernel_layout(x, format);
    args.x = in.data<T>(), args.residual = data_or_null<T>(add);
    args.gamma = data_or_null<T>(gamma), args.beta = data_or_null<T>(beta);
    args.eps = eps, args.momentum = momentum, args.relu = relu;
    args.y = out.data<T>(), args.mean = mean.data<T>(), args.rstd = rstd.data<T>();
    args.running_mean = data_or_null<T>(running_mean),
    args.running_var = data_or_null<T>(running_var);
    if (in.numel() == 0) return;
    use_batch ? kernels::batch_norm(args) : kernels::batch_norm_eval(args);
  });
  if (use_batch && running_mean.defined()) {
    running_mean.storage().bump_version();
    running_var.storage().bump_version();
  }
  if (needs_grad(x, weight, bias, residual))
    set_gradient(
        "batch_norm", out, {&x, &weight, &bias, &residual},
        [in = Saved(in), gamma = Saved(gamma), mean = Saved(mean), rstd = Saved(rstd),
         y = relu ? Saved::output(out) : Saved(), x = Saved(x), w = Saved(weight), b = Saved(bias),
         n, channels, spatial, format, relu, use_batch, eps,
         layout = kernel_layout(x, format)](GradContext& c) {
          if (c.create_graph()) {
            const Tensor g = relu ? relu_gradient(c.grad(), y.get(c)) : c.grad();
            if (c.needs(3)) c.set(3, g);
            return composed_gradient(
                c, g, {x.get(c), w.get(c), b.get(c)}, [&](const std::vector<Tensor>& t) {
                  Shape by_channel = Dims::filled(t[0].dim(), 1);
                  by_channel[1] = channels;
                  std::vector<int64_t> dims = {0};
                  for (int d = 2; d < t[0].dim(); ++d) dims.push_back(d);
                  const Tensor h = use_batch ? normalized(t[0], dims, eps)
                                             : (t[0] - mean.get(c).reshape(by_channel)) *
                                                   rstd.get(c).reshape(by_channel);
                  return scaled(h, t[1].defined() ? t[1].reshape(by_channel) : t[1],
                                t[2].defined() ? t[2].reshape(by_channel) : t[2]);
                });
          }
          const Tensor dy = c.grad().contiguous(format), image = in.get(c), scale = gamma.get(c),
                       kept = y.get(c);
          Tensor dx = empty(dy.shape(), dy.dtype(), format);
          Tensor dweight = empty({channels}, dy.dtype()), dbias = empty({channels}, dy.dtype());
          Tensor dresidual = c.needs(3) ? empty(dy.shape(), dy.dtype(), format) : Tensor();
          if (dy.numel() == 0) {
            dweight.zero_();
            dbias.zero_();
          } else {
            with_float(dy.dtype(), "batch_norm", [&](auto type) {
              using T = decltype(type);
              kernels::BatchNormGradArgs<T> args;
              args.n = n, args.c = channels, args.spatial = spatial, args.layout = layout;
              args.x = image.data<T>(), args.dy = dy.data<T>(), args.y = data_or_null<T>(kept);
              args.gamma = data_or_null<T>(scale);
              args.mean = mean.get(c).template data<T>(),
              args.rstd = rstd.get(c).template data<T>();
              args.relu = relu, args.training = use_batch;
              args.dx = dx.data<T>(), args.dgamma = dweight.data<T>(), args.dbeta = dbias.data<T>();
              args.dresidual = data_or_null<T>(dresidual);
              kernels::batch_norm_grad(args);
            });
          }
          if (c.needs(0)) c.set(0, dx);
          if (c.needs(1)) c.set(1, dweight);
          if (c.needs(2)) c.set(2, dbias);
          if (c.needs(3)) c.set(3, dresidual);
        },
        Formula::kComposed);
  return out;
}

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                  const Tensor& bias, double eps) {
  const int lead = x.dim() - normalized_shape.rank();
  bool fits = lead >= 0 && normalized_shape.rank() > 0;
  for (int i = 0; fits && i < normalized_shape.rank(); ++i)
    fits = x.shape()[lead + i] == normalized_shape[i];
  if (!fits)
    raise<ShapeError>("layer_norm: input {} does not end in the normalised shape {}.", describe(x),
                      normalized_shape.str());
  for (const Tensor* t : {&weight, &bias})
    if (t->defined() && (t->shape() != normalized_shape || t->dtype() != x.dtype()))
      raise<ShapeError>("layer_norm: {} {} does not fit the normalised shape {} of {}.",
                        t == &weight ? "weight" : "bias", describe(*t), normalized_shape.str(),
                        describe(x));
  const int64_t cols = normalized_shape.product(), rows = cols ? x.numel() / cols : 0;
  const auto plain = [](const Tensor& t) {
    const NoGrad no_grad;
    return t.defined() ? t.contiguous() : t;
  };
  const Tensor in = plain(x), gamma = plain(weight), beta = plain(bias);
  const bool recording = needs_grad(x, weight, bias);
  Tensor out = empty(x.shape(), x.dtype());
  Tensor mean, rstd;
  if (recording) mean = empty({rows}, x.dtype()), rstd = empty({rows}, x.dtype());
  with_float(x.dtype(), "layer_norm", [&](auto type) {
    using T = decltype(type);
    kernels::LayerNormArgs<T> args;
    args.rows = rows, args.cols = cols;
    args.x = in.data<T>(), args.x_stride = cols;
    args.gamma = data_or_null<T>(gamma), args.beta = data_or_null<T>(beta);
    args.eps = eps;
    args.y = out.data<T>(), args.y_stride = cols;
    args.mean = data_or_null<T>(mean), args.rstd = data_or_null<T>(rstd);
    kernels::layer_norm(args);
  });
  if (recording)
    set_gradient(
        "layer_norm", out, {&x, &weight, &bias},
        [in = Saved(in), gamma = Saved(gamma), mean = Saved(mean), rstd = Saved(rstd), x = Saved(x),
         w = Saved(weight), b = Saved(bias), rows, cols, normalized_shape, eps](GradContext& c) {
          if (c.create_graph())
            return composed_gradient(c, c.grad(), {x.get(c), w.get(c), b.get(c)},
                                     [&](const std::vector<Tensor>& t) {
                                       std::vector<int64_t> dims;
                                       for (int d = 1; d <= normalized_shape.rank(); ++d)
                                         dims.push_back(-d);
                                       return scaled(normalized(t[0], dims, eps), t[1], t[2]);
                                     });
          const Tensor dy = c.grad().contiguous(), values = in.get(c), scale = gamma.get(c);
          Tensor dx = empty(dy.shape(), dy.dtype());
          Tensor dweight = c.needs(1) ? empty(normalized_shape, dy.dtype()) : Tensor();
          Tensor dbias = c.needs(2) ? empty(normalized_shape, dy.dtype()) : Tensor();
          with_float(dy.dtype(), "layer_norm", [&](auto type) {
            using T = decltype(type);
            kernels::LayerNormGradArgs<T> args;
            args.rows = rows, args.cols = cols;
            args.x = values.data<T>(), args.x_stride = cols;
            args.dy = dy.data<T>(), args.dy_stride = cols;
            args.gamma = data_or_null<T>(scale);
            args.mean = mean.get(c).template data<T>(), args.rstd = rstd.get(c).template data<T>();
            args.dx = dx.data<T>(), args.dx_stride = cols;
            args.dgamma = data_or_null<T>(dweight), args.dbeta = data_or_null<T>(dbias);
            kernels::layer_norm_grad(args);
          });
          if (c.needs(0)) c.set(0, dx);
          if (c.needs(1)) c.set(1, dweight);
          if (c.needs(2)) c.set(2, dbias);
        },
        Formula::kComposed);
  return out;
}

// ---- the table

namespace {

Sample bn_sample(SampleMaker& m, std::string label, const Shape& x, bool training, bool affine,
                 bool residual, Fused f) {
  std::vector<Tensor> in = {m.normal(x)};
  const Shape c{x[1]};
  if (affine) in.insert(in.end(), {m.uniform(c, 0.5, 1.5), m.normal(c)});
  if (residual) in.push_back(m.normal(x));
  // Running statistics by formula: make_golden.py uses the same.
  const Tensor mean =
      arange(-0.2, -0.2 + 0.1 * (static_cast<double>(x[1]) - 0.5), 0.1, DType::kF64);
  const Tensor var = arange(0.5, 0.5 + 0.25 * (static_cast<double>(x[1]) - 0.5), 0.25, DType::kF64);
  return {std::move(label), std::move(in), [=](const std::vector<Tensor>& t) {
            const DType d = t[0].dtype();
            return batch_norm(t[0], mean.to(d).clone(), var.to(d).clone(), affine ? t[1] : Tensor(),
                              affine ? t[2] : Tensor(), training, 0.1, 1e-5,
                              residual ? t.back() : Tensor(), f);
          }};
}
std::vector<Sample> bn_samples(SampleMaker& m) {
  return {bn_sample(m, "training", {3, 4, 2, 5}, true, true, false, Fused::kNone),
          bn_sample(m, "evaluation", {3, 4, 2, 5}, false, true, false, Fused::kNone),
          bn_sample(m, "rows, no affine", {6, 3}, true, false, false, Fused::kNone),
          bn_sample(m, "relu", {2, 3, 3, 3}, true, true, false, Fused::kRelu),
          bn_sample(m, "residual and relu", {2, 3, 3, 3}, true, true, true, Fused::kRelu)};
}
std::vector<ErrorCase> bn_errors() {
  return {
      {"one value", [] { batch_norm(zeros({1, 3}), {}, {}, {}, {}, true); }, "one value a channel"},
      {"1-d", [] { batch_norm(zeros({3}), {}, {}, {}, {}, true); }, "must be (n, channels"},
      {"weight", [] { batch_norm(zeros({2, 3}), {}, {}, zeros({2}), {}, true); },
       "it must be f32 [3]"},
      {"mean alone, training", [] { batch_norm(zeros({2, 3}), zeros({3}), {}, {}, {}, true); },
       "running_mean is f32 [3] but running_var is undefined"},
      {"variance alone", [] { batch_norm(zeros({2, 3}), {}, ones({3}), {}, {}, false); },
       "running_mean is undefined but running_var is f32 [3]"}};
}
std::vector<Sample> ln_samples(SampleMaker& m) {
  const auto run = [](Shape s) {
    return [s](const std::vector<Tensor>& t) {
      return layer_norm(t[0], s, t.size() > 1 ? t[1] : Tensor(), t.size() > 2 ? t[2] : Tensor());
    };
  };
  return {{"rows of 6", {m.normal({4, 6}), m.uniform({6}, 0.5, 1.5), m.normal({6})}, run({6})},
          {"last two dims, no affine", {m.normal({3, 2, 4})}, run({2, 4})},
          {"no bias", {m.normal({2, 3, 5}), m.normal({5})}, run({5})}};
}
std::vector<ErrorCase> ln_errors() {
  return {
      {"shape", [] { layer_norm(zeros({2, 3}), {4}); }, "does not end in the normalised shape [4]"},
      {"weight", [] { layer_norm(zeros({2, 3}), {3}, zeros({2})); },
       "weight f32 [2] does not fit"}};
}
Cost norm_cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 8);
}

const OpInfo kTable[] = {
    {"batch_norm",
     "batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps, residual, "
     "activation)",
     "act((x - mean_c) / sqrt(var_c + eps) weight_c + bias_c + residual)",
     "weight rstd (g - mean(g) - h mean(g h)), h the normalised x",
     "x, mean, rstd; the output with relu", "batch_norm batch_norm_eval batch_norm_grad",
     bn_samples, norm_cost, bn_errors},
    {"layer_norm", "layer_norm(x, normalized_shape, weight, bias, eps)",
     "(x - mean) / sqrt(var + eps) weight + bias over the last dimensions",
     "rstd (g w - mean(g w) - h mean(g w h))", "x, mean and rstd of each row",
     "layer_norm layer_norm_grad", ln_samples, norm_cost, ln_errors},
};

}  // namespace

std::span<const OpInfo> norm_ops() {
  return kTable;
}

}  // namespace tinytorch
