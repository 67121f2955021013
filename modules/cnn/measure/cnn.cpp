// Seven loops against im2col, and one pooling over two layouts, on one core.
#include <algorithm>

#include "modules/harness/measure.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/pool.h"

namespace tinytorch::measure {

namespace {

struct OneThread {
  OneThread() { set_num_threads(1); }
  ~OneThread() { set_num_threads(before); }
  int before = num_threads();
};

// One image of c x size x size, 3 x 3 windows with padding 1, o output channels.
struct Image {
  Image(int64_t channels, int64_t size, int64_t outputs) {
    g.n = 1, g.c = channels, g.h = g.w = size, g.o = outputs;
    g.kh = g.kw = 3, g.pad_h = g.pad_w = 1;
    g.oh = g.ow = size;
    x.resize(static_cast<size_t>(g.c * g.h * g.w), 0.5F);
    w.resize(static_cast<size_t>(g.o * g.c * 9), 0.25F);
    y.resize(static_cast<size_t>(g.o * g.oh * g.ow));
  }
  Stats time(void (*fn)(const kernels::ConvArgs<float>&), int repeats) {
    kernels::ConvArgs<float> args;
    args.g = g;
    args.x = x.data(), args.w = w.data(), args.y = y.data();
    return measure_ns(
        [&] {
          fn(args);
          keep(y.data());
        },
        repeats);
  }
  double flops() const { return 2.0 * 9 * static_cast<double>(g.o * g.c * g.oh * g.ow); }
  double bytes() const { return static_cast<double>(4 * x.size()); }

  kernels::ConvGeometry g{};
  std::vector<float> x, w, y;
};

}  // namespace

MEASUREMENT(copy_or_recompute) {
  const OneThread one;
  const double peak = peak_gflops(1);
  for (const int64_t size : {8, 16, 32, 64, 128, 256}) {
    Image image(16, size, 16);
    const int repeats = size < 128 ? 7 : 3;
    const Stats loops = image.time(kernels::loops::conv2d<float>, repeats);
    const Stats columns = image.time(kernels::loops::conv2d_im2col<float>, repeats);
    report.point("loops", image.bytes(), rate(loops, image.flops()), peak);
    report.point("im2col", image.bytes(), rate(columns, image.flops()), peak);
    if (size == 64) {
      report.answer("im2col_to_loops", loops.median / columns.median);
      const double taps = 9 * static_cast<double>(image.g.c * image.g.oh * image.g.ow);
      report.answer("columns_to_image", 4 * taps / image.bytes());
    }
  }
}

MEASUREMENT(output_channels) {
  const OneThread one;
  const double peak = peak_gflops(1);
  double wins_from = 64;  // more than any of them
  for (const int64_t outputs : {32, 16, 8, 4, 2, 1}) {
    Image image(16, 64, outputs);
    const Stats loops = image.time(kernels::loops::conv2d<float>, 5);
    const Stats columns = image.time(kernels::loops::conv2d_im2col<float>, 5);
    const double x = static_cast<double>(outputs), limit = image.flops() / peak * 1e-6;
    report.point("loops", x, scaled(loops, 1e-6), limit);
    report.point("im2col", x, scaled(columns, 1e-6), limit);
    if (columns.median < loops.median && wins_from >= x) wins_from = x;
  }
  report.answer("im2col_wins_from", wins_from);
}

MEASUREMENT(layouts) {
  const OneThread one;
  for (const int64_t size : {8, 32, 128, 256, 512}) {
    kernels::PoolGeometry g{};
    g.n = 1, g.c = 64, g.h = g.w = size, g.kh = g.kw = g.stride_h = g.stride_w = 2;
    g.oh = g.ow = size / 2;
    std::vector<float> x(static_cast<size_t>(g.c * g.h * g.w), 0.5F), y(x.size() / 4);
    const double count = static_cast<double>(x.size()), bytes = 4 * count;
    const double limit = 5 / copy_bandwidth(4 * static_cast<int64_t>(x.size()));
    double medians[2] = {};
    for (const bool last : {false, true}) {
      kernels::MaxPoolArgs<float> args;
      args.g = g;
      args.layout = last ? kernels::ImageLayout::kNhwc : kernels::ImageLayout::kNchw;
      args.x = x.data(), args.y = y.data();
      const Stats times = measure_ns(
          [&] {
            kernels::loops::max_pool2d(args);
            keep(y.data());
          },
          size < 256 ? 5 : 3);
      report.point(last ? "NHWC" : "NCHW", bytes, scaled(times, 1 / count), limit);
      medians[last ? 1 : 0] = times.median;
    }
    if (size == 256) report.answer("nhwc_to_nchw", medians[1] / medians[0]);
  }
}

}  // namespace tinytorch::measure
