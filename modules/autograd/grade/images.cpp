// Exercises for the gradients of convolution and pooling: ragged geometries.
#include "modules/harness/exercise.h"

#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/pool.h"

namespace tinytorch::exercise {

namespace {

constexpr double kF64 = 1e-9;

kernels::ConvGeometry draw_convolution(Input& in) {
  kernels::ConvGeometry g{};
  g.groups = in.integer(1, 3);
  g.n = in.integer(1, 3), g.c = g.groups * in.integer(1, 2), g.o = g.groups * in.integer(1, 2);
  g.kh = in.integer(1, 3), g.kw = in.integer(1, 3);
  g.stride_h = in.integer(1, 2), g.stride_w = in.integer(1, 3);
  g.pad_h = in.integer(0, 2), g.pad_w = in.integer(0, 1);
  g.dil_h = in.integer(1, 2), g.dil_w = in.integer(1, 2);
  g.h = g.dil_h * (g.kh - 1) + in.integer(1, 4), g.w = g.dil_w * (g.kw - 1) + in.integer(1, 4);
  g.oh = (g.h + 2 * g.pad_h - g.dil_h * (g.kh - 1) - 1) / g.stride_h + 1;
  g.ow = (g.w + 2 * g.pad_w - g.dil_w * (g.kw - 1) - 1) / g.stride_w + 1;
  return g;
}

}  // namespace

EXERCISE(gradient_of_images, "4.10") {
  for (int round = 0; round < 2; ++round) {
    const kernels::ConvGeometry g = draw_convolution(in);
    const auto dy = in.doubles(g.n * g.o * g.oh * g.ow);
    const auto w = in.doubles(g.o * (g.c / g.groups) * g.kh * g.kw);
    auto dx = in.doubles(g.n * g.c * g.h * g.w);
    kernels::loops::conv2d_grad_input(
        kernels::ConvGradInputArgs<double>{g, dy.data(), w.data(), dx.data()});
    out.all(dx, kF64);
  }
}

EXERCISE(gradient_of_weights, "4.11") {
  for (int round = 0; round < 2; ++round) {
    const kernels::ConvGeometry g = draw_convolution(in);
    const auto dy = in.doubles(g.n * g.o * g.oh * g.ow), x = in.doubles(g.n * g.c * g.h * g.w);
    auto dw = in.doubles(g.o * (g.c / g.groups) * g.kh * g.kw), db = in.doubles(g.o);
    kernels::ConvGradWeightArgs<double> args{g, x.data(), dy.data(), dw.data(),
                                             in.flag() ? db.data() : nullptr};
    args.accumulate = in.flag();
    kernels::loops::conv2d_grad_weight(args);
    out.all(dw, kF64);
    out.all(db, kF64);
  }
}

EXERCISE(gradient_of_pooling, "4.12") {
  for (int round = 0; round < 2; ++round) {
    kernels::PoolGeometry g{};
    g.n = in.integer(1, 2), g.c = in.integer(1, 4);
    g.kh = in.integer(1, 3), g.kw = in.integer(1, 3);
    g.stride_h = in.integer(1, 3), g.stride_w = in.integer(1, 3);
    g.pad_h = in.integer(0, g.kh / 2), g.pad_w = in.integer(0, g.kw / 2);
    g.h = g.kh + in.integer(0, 4), g.w = g.kw + in.integer(0, 4);
    g.oh = (g.h + 2 * g.pad_h - g.kh) / g.stride_h + 1;
    g.ow = (g.w + 2 * g.pad_w - g.kw) / g.stride_w + 1;
    const auto layout = in.flag() ? kernels::ImageLayout::kNhwc : kernels::ImageLayout::kNchw;
    const auto x = in.doubles(g.n * g.c * g.h * g.w), dy = in.doubles(g.n * g.c * g.oh * g.ow);
    std::vector<double> y(dy.size());
    std::vector<uint8_t> index(dy.size());
    for (int64_t n = 0; n < g.n; ++n)  // a winner inside of the image, any of them
      for (int64_t c = 0; c < g.c; ++c)
        for (int64_t i = 0; i < g.oh; ++i)
          for (int64_t j = 0; j < g.ow; ++j) {
            int64_t p = in.integer(0, g.kh - 1), q = in.integer(0, g.kw - 1);
            const auto outside = [](int64_t at, int64_t size) { return at < 0 || at >= size; };
            while (outside(i * g.stride_h - g.pad_h + p, g.h)) p = (p + 1) % g.kh;
            while (outside(j * g.stride_w - g.pad_w + q, g.w)) q = (q + 1) % g.kw;
            const int64_t at = layout == kernels::ImageLayout::kNhwc
                                   ? ((n * g.oh + i) * g.ow + j) * g.c + c
                                   : ((n * g.c + c) * g.oh + i) * g.ow + j;
            index[static_cast<size_t>(at)] = static_cast<uint8_t>(p * g.kw + q);
          }
    auto dx = x;  // what it holds must not count
    kernels::loops::max_pool2d_grad(
        kernels::MaxPoolGradArgs<double>{g, layout, dy.data(), index.data(), dx.data()});
    out.all(dx, kF64);
  }
}

}  // namespace tinytorch::exercise
