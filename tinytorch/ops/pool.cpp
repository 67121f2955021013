// Pooling over windows of images, in the memory order that convolution uses.
#include "tinytorch/kernels/pool.h"

#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

void run(const kernels::MaxPoolArgs<float>& a) {
  kernels::max_pool2d_f32(a);
}
void run(const kernels::MaxPoolArgs<double>& a) {
  kernels::loops::max_pool2d(a);
}
void run(const kernels::MaxPoolGradArgs<float>& a) {
  kernels::max_pool2d_grad_f32(a);
}
void run(const kernels::MaxPoolGradArgs<double>& a) {
  kernels::loops::max_pool2d_grad(a);
}
void run(const kernels::AvgPoolArgs<float>& a) {
  kernels::avg_pool2d_f32(a);
}
void run(const kernels::AvgPoolArgs<double>& a) {
  kernels::loops::avg_pool2d(a);
}
void run(const kernels::AvgPoolGradArgs<float>& a) {
  kernels::avg_pool2d_grad_f32(a);
}
void run(const kernels::AvgPoolGradArgs<double>& a) {
  kernels::loops::avg_pool2d_grad(a);
}

kernels::PoolGeometry pool_geometry(const Shape& x, const PoolOptions& o) {
  kernels::PoolGeometry g{};
  g.n = x[0], g.c = x[1], g.h = x[2], g.w = x[3];
  g.kh = o.kernel[0], g.kw = o.kernel[1];
  g.stride_h = o.stride[0] ? o.stride[0] : g.kh;
  g.stride_w = o.stride[1] ? o.stride[1] : g.kw;
  g.pad_h = o.padding[0], g.pad_w = o.padding[1];
  g.oh = kernels::conv_output_size(g.h, g.kh, g.stride_h, g.pad_h, 1);
  g.ow = kernels::conv_output_size(g.w, g.kw, g.stride_w, g.pad_w, 1);
  g.count_include_pad = o.count_include_pad;
  return g;
}

kernels::PoolGeometry check_pool(const Tensor& x, const PoolOptions& o, const char* op) {
  if (x.dim() != 4)
    raise<ShapeError>(
        "{}: input {} must be (n, c, h, w). Hint: unsqueeze(0) makes one image a batch.", op,
        describe(x));
  for (int i = 0; i < 2; ++i)
    if (o.kernel[i] < 1 || o.stride[i] < 0 || o.padding[i] < 0 || o.padding[i] > o.kernel[i] / 2)
      raise<ShapeError>(
          "{}: kernel {} and stride {} must be positive, padding {} at most half the kernel.", op,
          o.kernel[i], o.stride[i], o.padding[i]);
  const kernels::PoolGeometry g = pool_geometry(x.shape(), o);
  if (g.oh < 1 || g.ow < 1)
    raise<ShapeError>(
        "{}: kernel {}x{} does not fit into the padded input {} (output {}x{}). Hint: fewer "
        "poolings before it, or adaptive_avg_pool2d.",
        op, g.kh, g.kw, describe(x), g.oh, g.ow);
  return g;
}

// Channels_last images stay so when the kernel is the fast one; everything else is made row-major.
struct Image {
  Tensor tensor;
  MemoryFormat format;
  kernels::ImageLayout layout;
};
Image as_image(const Tensor& x) {
  const NoGrad no_grad;
  const bool last =
      x.dtype() == DType::kF32 && kernels::conv2d_layout() == kernels::ImageLayout::kNhwc;
  const MemoryFormat format = last ? MemoryFormat::kChannelsLast : MemoryFormat::kContiguous;
  return {x.contiguous(format), format,
          last ? kernels::ImageLayout::kNhwc : kernels::ImageLayout::kNchw};
}

// The element of x that each window chose: the gradient of sending gradients there. `index` as
// max_pool2d's kernel writes it.
Tensor chosen_of(const Tensor& x, const Tensor& index, const PoolOptions& options) {
  const kernels::PoolGeometry g = pool_geometry(x.shape(), options);
  const Tensor place = index.to(DType::kI64).contiguous();  // in the window, then in the image
  int64_t* p = place.data<int64_t>();
  for (int64_t image = 0; image < g.n * g.c; ++image)
    for (int64_t i = 0; i < g.oh; ++i)
      for (int64_t j = 0; j < g.ow; ++j, ++p)
        *p = (i * g.stride_h - g.pad_h + *p / g.kw) * g.w + j * g.stride_w - g.pad_w + *p % g.kw;
  return gather(x.reshape({g.n, g.c, g.h * g.w}), 2, place.reshape({g.n, g.c, g.oh * g.ow}))
      .reshape({g.n, g.c, g.oh, g.ow});
}

// gradients::max_pool2d as an operation: linear in dy.
Tensor send_to_chosen(const Tensor& dy, const Tensor& index, const Shape& x,
                      const PoolOptions& options) {
  const bool recording = needs_grad(dy);
  Tensor dx = [&] {
    const NoGrad no_grad;
    return gradients::max_pool2d(dy, index, x, options);
  }();
  if (recording)
    set_gradient(
        "max_pool2d_gradient", dx, {&dy},
        [index = Saved(index), options](GradContext& c) {
          c.set(0, chosen_of(c.grad(), index.get(c), options));
        },
        Formula::kComposed);
  return dx;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolOptions& options) {
  const kernels::PoolGeometry g = check_pool(x, options, "max_pool2d");
  if (g.kh * g.kw > 256)
    raise<ShapeError>("max_pool2d: a window of {}x{} has more than 256 elements.", g.kh, g.kw);
  const Image image = as_image(x);
  Tensor out = empty({g.n, g.c, g.oh, g.ow}, x.dtype(), image.format);
  const bool recording = needs_grad(x);
  Tensor index = recording ? empty(out.shape(), DType::kU8, image.format) : Tensor();
  if (out.numel() > 0)
    with_float(x.dtype(), "max_pool2d", [&](auto type) {
      using T = decltype(type);
      run(kernels::MaxPoolArgs<T>{g, image.layout, image.tensor.data<T>(), out.data<T>(),
                                  recording ? index.data<uint8_t>() : nullptr});
    });
  if (recording)
    set_gradient(
        "max_pool2d", out, {&x},
        [index = Saved(index), s = x.shape(), options](GradContext& c) {
          c.set(0, send_to_chosen(c.grad(), index.get(c), s, options));
        },
        Formula::kComposed);
  return out;
}

namespace gradients {

Tensor max_pool2d(const Tensor& g, const Tensor& index, const Shape& x,
                  const PoolOptions& options) {
  const Image dy = as_image(g);
  Tensor dx = empty(x, g.dtype(), dy.format);
  if (g.numel() == 0) return zeros(x, g.dtype());
  with_float(g.dtype(), "max_pool2d", [&](auto type) {
    using T = decltype(type);
    run(kernels::MaxPoolGradArgs<T>{pool_geometry(x, options), dy.layout, dy.tensor.data<T>(),
                                    index.data<uint8_t>(), dx.data<T>()});
  });
  return dx;
}

}  // namespace gradients

namespace {

// avg_pool2d's gradient as an operation: linear in dy, and avg_pool2d is its gradient.
Tensor spread_over_windows(const Tensor& dy, const Shape& x, const PoolOptions& options) {
  const Image g = as_image(dy);
  Tensor dx = dy.numel() == 0 ? zeros(x, dy.dtype()) : empty(x, dy.dtype(), g.format);
  if (dy.numel() > 0)
    with_float(dy.dtype(), "avg_pool2d", [&](auto type) {
      using T = decltype(type);
      run(kernels::AvgPoolGradArgs<T>{pool_geometry(x, options), g.layout, g.tensor.data<T>(),
                                      dx.data<T>()});
    });
  if (needs_grad(dy))
    set_gradient(
        "avg_pool2d_gradient", dx, {&dy},
        [options](GradContext& c) { c.set(0, avg_pool2d(c.grad(), options)); }, Formula::kComposed);
  return dx;
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) {
  const kernels::PoolGeometry g = check_pool(x, options, "avg_pool2d");
  const Image image = as_image(x);
  Tensor out = empty({g.n, g.c, g.oh, g.ow}, x.dtype(), image.format);
  if (out.numel() > 0)
    with_float(x.dtype(), "avg_pool2d", [&](auto type) {
      using T = decltype(type);
      run(kernels::AvgPoolArgs<T>{g, image.layout, image.tensor.data<T>(), out.data<T>()});
    });
  if (needs_grad(x))
    set_gradient(
        "avg_pool2d", out, {&x},
        [s = x.shape(), options](GradContext& c) {
          c.set(0, spread_over_windows(c.grad(), s, options));
        },
        Formula::kComposed);
  return out;
}

// Output cell (i, j) is the mean over rows floor(i h / out_h) .. ceil((i+1) h / out_h), columns
// alike.
Tensor adaptive_avg_pool2d(const Tensor& x, int64_t out_h, int64_t out_w) {
  if (x.dim() != 4 || out_h < 1 || out_w < 1)
    raise<ShapeError>("adaptive_avg_pool2d: input {} must be (n, c, h, w), output {}x{} positive.",
                      describe(x), out_h, out_w);
  const int64_t h = x.shape()[2], w = x.shape()[3];
  if (h < 1 || w < 1)
    raise<ShapeError>("adaptive_avg_pool2d: input {} has no pixels.", describe(x));
  if (h % out_h == 0 && w % out_w == 0)
    return avg_pool2d(x, {{h / out_h, w / out_w}, {h / out_h, w / out_w}, {0, 0}, true});
  std::vector<Tensor> rows;  // windows of uneven size: one mean each
  for (int64_t i = 0; i < out_h; ++i) {
    const int64_t top = i * h / out_h, bottom = ((i + 1) * h + out_h - 1) / out_h;
    std::vector<Tensor> cells;
    for (int64_t j = 0; j < out_w; ++j) {
      const int64_t left = j * w / out_w, right = ((j + 1) * w + out_w - 1) / out_w;
      cells.push_back(
          x.narrow(2, top, bottom - top).narrow(3, left, right - left).mean({2, 3}, true));
    }
    rows.push_back(cat(cells, 3));
  }
  return cat(rows, 2);
}

// ---- the table

namespace {

using PoolFn = Tensor (*)(const Tensor&, const PoolOptions&);
template <PoolFn pool>
std::vector<Sample> pool_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& s, PoolOptions o) {
    return Sample{std::move(label), {m.distinct(s)}, [o](const std::vector<Tensor>& t) {
                    return pool(t[0], o);
                  }};
  };
  return {sample("2x2", {2, 3, 4, 6}, {}),
          sample("3x3 stride 2 padded", {1, 2, 5, 7}, {{3, 3}, {2, 2}, {1, 1}, true}),
          sample("overlapping 2x3", {2, 2, 4, 5}, {{2, 3}, {1, 1}, {0, 1}, false}),
          sample("no images", {0, 2, 4, 4}, {})};
}
std::vector<Sample> adaptive_samples(SampleMaker& m) {
  const auto to = [](int64_t h, int64_t w) {
    return [h, w](const std::vector<Tensor>& t) { return adaptive_avg_pool2d(t[0], h, w); };
  };
  return {{"to 1x1", {m.normal({2, 3, 4, 5})}, to(1, 1)},
          {"uneven windows", {m.normal({1, 2, 5, 7})}, to(3, 2)}};
}
Cost pool_cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 4);
}
std::vector<ErrorCase> max_pool_errors() {
  return {{"3-d", [] { max_pool2d(zeros({2, 4, 4})); }, "must be (n, c, h, w)"},
          {"padding", [] { max_pool2d(zeros({1, 1, 4, 4}), {{2, 2}, {2, 2}, {2, 2}, true}); },
           "at most half"},
          {"too small", [] { max_pool2d(zeros({1, 1, 1, 1})); }, "does not fit"},
          {"integers", [] { max_pool2d(zeros({1, 1, 4, 4}, DType::kI64)); }, "no kernel for i64"}};
}
std::vector<ErrorCase> avg_pool_errors() {
  return {{"too small", [] { avg_pool2d(zeros({1, 1, 1, 1})); }, "does not fit"}};
}
std::vector<ErrorCase> adaptive_errors() {
  return {{"3-d", [] { adaptive_avg_pool2d(zeros({2, 4, 4}), 1, 1); }, "must be (n, c, h, w)"}};
}

const OpInfo kTable[] = {
    {"max_pool2d", "max_pool2d(x, {kernel, stride, padding})", "maximum of each window",
     "g goes to each window's first maximum", "one byte an output: the place in the window",
     "max_pool2d max_pool2d_grad", pool_samples<max_pool2d>, pool_cost, max_pool_errors},
    {"avg_pool2d", "avg_pool2d(x, {kernel, stride, padding, count_include_pad})",
     "mean of each window", "g / window size to every element of the window", "nothing",
     "avg_pool2d avg_pool2d_grad", pool_samples<avg_pool2d>, pool_cost, avg_pool_errors},
    {"adaptive_avg_pool2d", "adaptive_avg_pool2d(x, out_h, out_w)",
     "mean of out_h x out_w windows that cover the image", "as avg_pool2d", "nothing",
     "avg_pool2d avg_pool2d_grad", adaptive_samples, pool_cost, adaptive_errors},
};

}  // namespace

std::span<const OpInfo> pool_ops() {
  return kTable;
}

}  // namespace tinytorch
