// What the grade of module 3 is made from.
#include <limits>

#include "modules/harness/exercise.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/kernels/pool.h"
#include "tinytorch/nn/conv.h"

namespace tinytorch::exercise {

namespace {

constexpr double kRounding = 1e-5;

// The positions of a window, counted, so that only task 3.1 is judged by conv_output_size.
int64_t positions(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  int64_t count = 0;
  for (int64_t start = -pad; start + dilation * (kernel - 1) < in + pad; start += stride) ++count;
  return count;
}

// A geometry whose window fits: the image is as large as it must be, or larger.
kernels::ConvGeometry geometry(Input& in) {
  kernels::ConvGeometry g{};
  g.n = in.integer(1, 3), g.groups = in.integer(1, 3);
  g.c = g.groups * in.integer(1, 3), g.o = g.groups * in.integer(1, 3);
  g.kh = in.integer(1, 4), g.kw = in.integer(1, 4);
  g.stride_h = in.integer(1, 3), g.stride_w = in.integer(1, 3);
  g.pad_h = in.integer(0, 2), g.pad_w = in.integer(0, 2);
  g.dil_h = in.integer(1, 2), g.dil_w = in.integer(1, 2);
  const auto size = [&](int64_t kernel, int64_t pad, int64_t dilation) {
    const int64_t reach = dilation * (kernel - 1) + 1 - 2 * pad;
    return (reach < 1 ? 1 : reach) + in.integer(0, 6);
  };
  g.h = size(g.kh, g.pad_h, g.dil_h), g.w = size(g.kw, g.pad_w, g.dil_w);
  g.oh = positions(g.h, g.kh, g.stride_h, g.pad_h, g.dil_h);
  g.ow = positions(g.w, g.kw, g.stride_w, g.pad_w, g.dil_w);
  return g;
}

template <class T>
std::vector<T> values(Input& in, int64_t count) {
  const std::vector<float> list = in.floats(count);
  return std::vector<T>(list.begin(), list.end());
}

template <class T>
void convolution(Input& in, Output& out, void (*fn)(const kernels::ConvArgs<T>&),
                 double tolerance) {
  kernels::ConvArgs<T> args;
  args.g = geometry(in);
  const kernels::ConvGeometry& g = args.g;
  const std::vector<T> x = values<T>(in, g.n * g.c * g.h * g.w),
                       w = values<T>(in, g.o * (g.c / g.groups) * g.kh * g.kw),
                       bias = values<T>(in, g.o);
  std::vector<T> y(static_cast<size_t>(g.n * g.o * g.oh * g.ow), T(5));
  args.x = x.data(), args.w = w.data(), args.y = y.data();
  if (in.integer(0, 2) > 0) args.bias = bias.data();
  if (in.integer(0, 2) > 0) args.activation = kernels::Activation::kRelu;
  fn(args);
  out.all(y, tolerance);
}

kernels::PoolGeometry pool_geometry(Input& in, bool behind = false) {
  kernels::PoolGeometry g{};
  g.n = in.integer(1, 3), g.c = in.integer(1, 4);
  g.kh = in.integer(1, 4), g.kw = in.integer(1, 4);
  g.stride_h = in.integer(1, 4), g.stride_w = in.integer(1, 4);
  g.pad_h = in.integer(0, g.kh / 2), g.pad_w = in.integer(0, g.kw / 2);
  g.h = g.kh + in.integer(0, 7), g.w = g.kw + in.integer(0, 7);
  g.oh = (g.h + 2 * g.pad_h - g.kh) / g.stride_h + 1;
  g.ow = (g.w + 2 * g.pad_w - g.kw) / g.stride_w + 1;
  if (behind) {  // as rounding up does: one more window, which begins in the image
    g.oh += g.oh * g.stride_h < g.h + g.pad_h;
    g.ow += g.ow * g.stride_w < g.w + g.pad_w;
  }
  g.count_include_pad = in.flag();
  return g;
}

void max_pool(Input& in, Output& out, bool ties, bool nans = false) {
  kernels::MaxPoolArgs<float> args;
  args.g = pool_geometry(in);
  const kernels::PoolGeometry& g = args.g;
  args.layout = in.flag() ? kernels::ImageLayout::kNhwc : kernels::ImageLayout::kNchw;
  std::vector<float> x = values<float>(in, g.n * g.c * g.h * g.w);
  const auto shift = static_cast<float>(in.integer(-2, 1));
  for (float& v : x) v = ties ? static_cast<float>(static_cast<int>(v * 3)) + shift : v + shift;
  if (nans)
    for (float& v : x) v = in.integer(0, 3) == 0 ? std::numeric_limits<float>::quiet_NaN() : v;
  const auto count = static_cast<size_t>(g.n * g.c * g.oh * g.ow);
  std::vector<float> y(count, 5);
  std::vector<uint8_t> index(count, 77);
  args.x = x.data(), args.y = y.data();
  if (in.integer(0, 3) > 0) args.index = index.data();
  kernels::loops::max_pool2d(args);
  out.all(y);
  out.all(index);
}

void avg_pool(Input& in, Output& out, bool behind = false) {
  kernels::AvgPoolArgs<float> args;
  args.g = pool_geometry(in, behind);
  const kernels::PoolGeometry& g = args.g;
  args.layout = in.flag() ? kernels::ImageLayout::kNhwc : kernels::ImageLayout::kNchw;
  const std::vector<float> x = values<float>(in, g.n * g.c * g.h * g.w);
  std::vector<float> y(static_cast<size_t>(g.n * g.c * g.oh * g.ow), 5);
  args.x = x.data(), args.y = y.data();
  kernels::loops::avg_pool2d(args);
  out.all(y, kRounding);
}

Tensor tensor(Input& in, const Shape& shape) {
  return from_vector(in.floats(shape.product()), shape);
}

void put(Output& out, const Tensor& x) {
  out.value(x.defined());
  if (!x.defined()) return;
  for (const int64_t size : x.shape()) out.value(static_cast<double>(size));
  out.all(to_vector<float>(x), kRounding);
}

nn::Conv2d::Options options(Input& in) {
  nn::Conv2d::Options o;
  o.stride = in.integer(1, 2), o.padding = in.integer(0, 2), o.dilation = in.integer(1, 2);
  o.groups = in.integer(1, 3), o.bias = in.flag();
  return o;
}

}  // namespace

EXERCISE(output_size, "3.1") {
  for (int i = 0; i < 8; ++i) {
    const int64_t size = in.integer(0, 40), kernel = in.integer(1, 9), stride = in.integer(1, 5);
    const int64_t pad = in.integer(0, 4), dilation = in.integer(1, 4);
    out.value(static_cast<double>(kernels::conv_output_size(size, kernel, stride, pad, dilation)));
  }
}

EXERCISE(conv_loops, "3.2") {
  convolution<float>(in, out, kernels::loops::conv2d<float>, kRounding);
}
EXERCISE(conv_loops_of_doubles, "3.2") {
  convolution<double>(in, out, kernels::loops::conv2d<double>, 1e-13);
}

// The unit matrix for weights gives the columns themselves.
EXERCISE(im2col, "3.3") {
  kernels::ConvArgs<float> args;
  args.g = geometry(in);
  kernels::ConvGeometry& g = args.g;
  g.c /= g.groups, g.groups = 1;
  g.o = g.c * g.kh * g.kw;
  const std::vector<float> x = values<float>(in, g.n * g.c * g.h * g.w);
  std::vector<float> unit(static_cast<size_t>(g.o * g.o)),
      y(static_cast<size_t>(g.n * g.o * g.oh * g.ow));
  for (int64_t i = 0; i < g.o; ++i) unit[static_cast<size_t>(i * g.o + i)] = 1;
  args.x = x.data(), args.w = unit.data(), args.y = y.data();
  kernels::loops::conv2d_im2col(args);
  out.all(y);
}

EXERCISE(conv_im2col, "3.4") {
  convolution<float>(in, out, kernels::loops::conv2d_im2col<float>, kRounding);
}
EXERCISE(conv_im2col_of_doubles, "3.4") {
  convolution<double>(in, out, kernels::loops::conv2d_im2col<double>, 1e-13);
}

SPEED(conv_im2col_of_an_image, "3.4") {
  kernels::ConvArgs<float> args;
  args.g = {};
  kernels::ConvGeometry& g = args.g;
  g.n = 2, g.groups = 1, g.c = 16, g.o = 32, g.h = g.w = g.oh = g.ow = 28, g.kh = g.kw = 3;
  g.stride_h = g.stride_w = g.pad_h = g.pad_w = g.dil_h = g.dil_w = 1;
  const std::vector<float> x = values<float>(in, g.n * g.c * g.h * g.w),
                           w = values<float>(in, g.o * g.c * g.kh * g.kw);
  std::vector<float> y(static_cast<size_t>(g.n * g.o * g.oh * g.ow));
  args.x = x.data(), args.w = w.data(), args.y = y.data();
  kernels::loops::conv2d_im2col(args);
  for (int i = 0; i < 64; ++i)
    out.value(y[static_cast<size_t>(in.integer(0, static_cast<int64_t>(y.size()) - 1))], kRounding);
}

EXERCISE(layout_of_maxima, "3.5") {
  for (int i = 0; i < 2; ++i) max_pool(in, out, false);
}
EXERCISE(layout_of_averages, "3.5") {
  for (int i = 0; i < 2; ++i) avg_pool(in, out);
}

EXERCISE(max_pool, "3.6") {
  max_pool(in, out, false);
}
EXERCISE(max_pool_of_equal_numbers, "3.6") {
  max_pool(in, out, true);
}

EXERCISE(max_pool_of_nans, "3.6") {
  for (int i = 0; i < 2; ++i) max_pool(in, out, false, true);
}

EXERCISE(avg_pool, "3.7") {
  avg_pool(in, out);
}
EXERCISE(avg_pool_behind_the_padding, "3.7") {
  for (int i = 0; i < 2; ++i) avg_pool(in, out, true);
}

EXERCISE(conv_parameters, "3.8") {
  manual_seed(static_cast<uint64_t>(in.integer(0, 1 << 20)));
  const nn::Conv2d::Options o = options(in);
  const int64_t from = o.groups * in.integer(1, 3), to = o.groups * in.integer(1, 3);
  const nn::Conv2d layer(from, to, in.integer(1, 4), o);
  for (const auto& [name, p] : layer.named_parameters()) {
    out.all(name);
    out.value(p.is_same(layer.weight));
    out.value(p.is_same(layer.bias));
    put(out, p);
  }
  out.value(layer.bias.defined());
}

EXERCISE(layers, "3.9") {
  manual_seed(3);
  const nn::Conv2d::Options o = options(in);
  const int64_t from = o.groups * in.integer(1, 2), to = o.groups * in.integer(1, 2);
  nn::Conv2d conv(from, to, in.integer(1, 3), o);
  Tensor x = tensor(in, {in.integer(1, 2), from, in.integer(6, 9), in.integer(6, 9)});
  x.set_requires_grad();
  const Tensor y = conv.forward(x, in.flag() ? Fused::kRelu : Fused::kNone);
  put(out, y);
  put(out, conv.forward(x, Fused::kRelu));
  const int64_t kernel = in.integer(2, 3), stride = in.integer(0, 2);
  const int64_t padding = in.integer(0, 1);
  const Tensor maxima = nn::MaxPool2d(kernel, stride, padding).forward(x);
  const Tensor averages = nn::AvgPool2d(kernel, stride, padding).forward(x);
  put(out, maxima);
  put(out, averages);
  ((y * tensor(in, y.shape())).sum() + (maxima * tensor(in, maxima.shape())).sum() +
   (averages * tensor(in, averages.shape())).sum())
      .backward();
  put(out, x.grad());
  for (const Tensor& p : conv.parameters()) put(out, p.grad());
}

}  // namespace tinytorch::exercise
