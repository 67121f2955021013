// Tasks 4.10 to 4.12 against loops over every output, in double precision.
#include "modules/autograd/tests/helpers.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/pool.h"

namespace tinytorch::check {

namespace {

using kernels::ConvGeometry;
using kernels::PoolGeometry;

struct Case {
  const char* what;
  int64_t n, c, h, w, o, kh, kw;
  int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dil_h = 1, dil_w = 1, groups = 1;
};

ConvGeometry geometry(const Case& k) {
  ConvGeometry g{};
  g.n = k.n, g.c = k.c, g.h = k.h, g.w = k.w, g.o = k.o, g.kh = k.kh, g.kw = k.kw;
  g.stride_h = k.stride_h, g.stride_w = k.stride_w, g.pad_h = k.pad_h, g.pad_w = k.pad_w;
  g.dil_h = k.dil_h, g.dil_w = k.dil_w, g.groups = k.groups;
  g.oh = (g.h + 2 * g.pad_h - g.dil_h * (g.kh - 1) - 1) / g.stride_h + 1;
  g.ow = (g.w + 2 * g.pad_w - g.dil_w * (g.kw - 1) - 1) / g.stride_w + 1;
  return g;
}

struct Gradients {
  std::vector<double> dx, dw, db;
};

// Every multiplication of the forward, y += x w, gives dx += dy w and dw += dy x.
Gradients reference(const ConvGeometry& g, const std::vector<double>& x,
                    const std::vector<double>& w, const std::vector<double>& dy) {
  const int64_t in = g.c / g.groups, out = g.o / g.groups;
  Gradients r{std::vector<double>(x.size(), 0), std::vector<double>(w.size(), 0),
              std::vector<double>(static_cast<size_t>(g.o), 0)};
  for (int64_t n = 0; n < g.n; ++n)
    for (int64_t o = 0; o < g.o; ++o)
      for (int64_t i = 0; i < g.oh; ++i)
        for (int64_t j = 0; j < g.ow; ++j) {
          const double d = dy[static_cast<size_t>(((n * g.o + o) * g.oh + i) * g.ow + j)];
          r.db[static_cast<size_t>(o)] += d;
          for (int64_t c = 0; c < in; ++c)
            for (int64_t p = 0; p < g.kh; ++p)
              for (int64_t q = 0; q < g.kw; ++q) {
                const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;
                const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;
                if (row < 0 || row >= g.h || col < 0 || col >= g.w) continue;
                const auto at_x =
                    static_cast<size_t>(((n * g.c + o / out * in + c) * g.h + row) * g.w + col);
                const auto at_w = static_cast<size_t>(((o * in + c) * g.kh + p) * g.kw + q);
                r.dx[at_x] += d * w[at_w];
                r.dw[at_w] += d * x[at_x];
              }
        }
  return r;
}

const Case kPlain = {"3x3 over 5x6", 2, 3, 5, 6, 4, 3, 3};
const Case kSingle = {"1x1 over 1x1", 1, 1, 1, 1, 1, 1, 1};
const Case kStrided = {"3x2, strides 2 and 1", 1, 2, 7, 5, 3, 3, 2, 2, 1};
const Case kPadded = {"3x3, padding 1 and 2", 1, 2, 4, 5, 3, 3, 3, 1, 1, 1, 2};
const Case kDilated = {"3x3, dilations 2 and 1", 1, 2, 7, 7, 2, 3, 3, 1, 1, 1, 0, 2, 1};
const Case kGrouped = {"2 groups", 2, 4, 4, 4, 6, 2, 2, 1, 1, 0, 0, 1, 1, 2};

struct Run {
  ConvGeometry g;
  std::vector<double> x, w, dy;
  explicit Run(const Case& k) : g(geometry(k)) {
    x = list(data({g.n, g.c, g.h, g.w}, 1));
    w = list(data({g.o, g.c / g.groups, g.kh, g.kw}, 2));
    dy = list(data({g.n, g.o, g.oh, g.ow}, 3));
  }
};

void check_input(const Case& k, const std::string& cause) {
  const Run run(k);
  std::vector<double> dx(run.x.size(), 0);
  kernels::loops::conv2d_grad_input(
      kernels::ConvGradInputArgs<double>{run.g, run.dy.data(), run.w.data(), dx.data()});
  const std::vector<double> expected = reference(run.g, run.x, run.w, run.dy).dx;
  ConvGeometry flipped = run.g;
  std::vector<double> turned = run.w;  // each kernel turned by 180 degrees
  const int64_t taps = flipped.kh * flipped.kw;
  for (size_t i = 0; i < turned.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    turned[i] = run.w[static_cast<size_t>(at / taps * taps + taps - 1 - at % taps)];
  }
  values({.what = std::string("the gradient of the image, ") + k.what,
          .got = dx,
          .expected = expected,
          .shape = {run.g.n, run.g.c, run.g.h, run.g.w},
          .tolerance = 1e-12,
          .invariant = kSum,
          .mistakes = {{std::vector<double>(dx.size(), 0), "the image got no gradient at all"},
                       {reference(flipped, run.x, turned, run.dy).dx,
                        "the kernel was turned around; here it is not: each output gives back by "
                        "the very weight that it took by"},
                       {dx == expected ? std::vector<double>{} : dx, cause}}});
}

void check_weight(const Case& k, const std::string& cause) {
  const Run run(k);
  std::vector<double> dw(run.w.size(), 0), db(static_cast<size_t>(run.g.o), 0);
  kernels::loops::conv2d_grad_weight(kernels::ConvGradWeightArgs<double>{
      run.g, run.x.data(), run.dy.data(), dw.data(), db.data()});
  const Gradients r = reference(run.g, run.x, run.w, run.dy);
  values({.what = std::string("the gradient of the weights, ") + k.what,
          .got = dw,
          .expected = r.dw,
          .shape = {run.g.o, run.g.c / run.g.groups, run.g.kh, run.g.kw},
          .tolerance = 1e-12,
          .invariant = kSum,
          .mistakes = {{std::vector<double>(dw.size(), 0), "the weights got no gradient: frozen"},
                       {dw == r.dw ? std::vector<double>{} : dw, cause}}});
  values({.what = std::string("the gradient of the bias, ") + k.what,
          .got = db,
          .expected = r.db,
          .tolerance = 1e-12,
          .invariant = kSum,
          .mistakes = {{std::vector<double>(db.size(), 0), "the bias got no gradient"}}});
}

}  // namespace

TASK_TEST(conv_grad_input, of_plain_convolutions) {
  check_input(kSingle, "");
  check_input(kPlain,
              "a pixel is read by many outputs: their shares must be added, not replace each "
              "other");
}
TASK_TEST(conv_grad_input, with_stride) {
  check_input(kStrided,
              "output (i, j) read row i stride_h + p dil_h - pad_h: is the stride in it?");
}
TASK_TEST(conv_grad_input, with_padding) {
  check_input(kPadded,
              "taps in the padding belong to no pixel: leave out rows and columns outside");
}
TASK_TEST(conv_grad_input, with_dilation) {
  check_input(kDilated, "tap p lies p dil_h rows below the first: is the dilation in it?");
}
TASK_TEST(conv_grad_input, with_groups) {
  check_input(kGrouped,
              "output channel o of a group reads the channels of its own group only, from channel "
              "o / (o's per group) * (c's per group) on");
}
TASK_TEST(conv_grad_input, overwrites) {
  const Run run(kStrided);
  std::vector<double> dx(run.x.size(), 7);
  kernels::loops::conv2d_grad_input(
      kernels::ConvGradInputArgs<double>{run.g, run.dy.data(), run.w.data(), dx.data()});
  std::vector<double> expected = reference(run.g, run.x, run.w, run.dy).dx, added = expected;
  for (double& v : added) v += 7;
  values({.what = "the gradient of the image, where dx held sevens",
          .got = dx,
          .expected = expected,
          .tolerance = 1e-12,
          .mistakes = {{added, "dx was added to what its memory held: begin with zeros"}}});
}
TASK_TEST(conv_grad_input, through_conv2d) {
  const Tensor x = data({1, 2, 4, 5}, 1).set_requires_grad(), w = data({3, 2, 3, 3}, 2);
  const Tensor y = conv2d(x, w, {}, {{1, 1}, {1, 1}});
  const Tensor dy = data(y.shape(), 3);
  y.backward(dy);
  Case k = {"", 1, 2, 4, 5, 3, 3, 3, 1, 1, 1, 1};
  values({.what = "the gradient of x by conv2d(x, w).backward()",
          .got = gradient(x),
          .expected = reference(geometry(k), list(x.detach()), list(w), list(dy)).dx,
          .shape = x.shape(),
          .tolerance = 1e-12});
}

TASK_TEST(conv_grad_weight, of_plain_convolutions) {
  check_weight(kSingle, "");
  check_weight(kPlain,
               "every image and every output position adds to a weight's gradient: is one of them "
               "lost?");
}
TASK_TEST(conv_grad_weight, with_stride) {
  check_weight(kStrided,
               "output (i, j) read row i stride_h + p dil_h - pad_h: is the stride in it?");
}
TASK_TEST(conv_grad_weight, with_padding) {
  check_weight(kPadded,
               "taps in the padding read zeros, no pixel: leave out rows and columns outside");
}
TASK_TEST(conv_grad_weight, with_dilation) {
  check_weight(kDilated, "tap p lies p dil_h rows below the first: is the dilation in it?");
}
TASK_TEST(conv_grad_weight, with_groups) {
  check_weight(kGrouped,
               "output channel o of a group reads the channels of its own group only, from channel "
               "o / (o's per group) * (c's per group) on");
}
TASK_TEST(conv_grad_weight, adds_only_when_asked_to) {
  const Run run(kStrided);
  const Gradients r = reference(run.g, run.x, run.w, run.dy);
  for (const bool accumulate : {false, true}) {
    std::vector<double> dw(run.w.size(), 7), db(static_cast<size_t>(run.g.o), 7);
    kernels::ConvGradWeightArgs<double> args{run.g, run.x.data(), run.dy.data(), dw.data(),
                                             db.data()};
    args.accumulate = accumulate;
    kernels::loops::conv2d_grad_weight(args);
    std::vector<double> plain_w = r.dw, more_w = r.dw, plain_b = r.db, more_b = r.db;
    for (double& v : more_w) v += 7;
    for (double& v : more_b) v += 7;
    const std::string what =
        accumulate ? " added to sevens (accumulate)" : " where its memory held sevens";
    const std::string cause = accumulate
                                  ? "`accumulate` asks to add to what dw and dbias hold"
                                  : "without `accumulate` what dw and dbias held must not count";
    values({.what = "the gradient of the weights" + what,
            .got = dw,
            .expected = accumulate ? more_w : plain_w,
            .tolerance = 1e-12,
            .mistakes = {{accumulate ? plain_w : more_w, cause}}});
    values({.what = "the gradient of the bias" + what,
            .got = db,
            .expected = accumulate ? more_b : plain_b,
            .tolerance = 1e-12,
            .mistakes = {{accumulate ? plain_b : more_b, cause}}});
  }
}
TASK_TEST(conv_grad_weight, without_bias) {
  const Run run(kPlain);
  std::vector<double> dw(run.w.size(), 0);
  kernels::loops::conv2d_grad_weight(
      kernels::ConvGradWeightArgs<double>{run.g, run.x.data(), run.dy.data(), dw.data()});
  values({.what = "the gradient of the weights of a convolution without bias",
          .got = dw,
          .expected = reference(run.g, run.x, run.w, run.dy).dw,
          .tolerance = 1e-12});
}

namespace {

PoolGeometry pool(int64_t n, int64_t c, int64_t h, int64_t w, int64_t kh, int64_t kw,
                  int64_t stride, int64_t pad) {
  PoolGeometry g{};
  g.n = n, g.c = c, g.h = h, g.w = w, g.kh = kh, g.kw = kw;
  g.stride_h = g.stride_w = stride, g.pad_h = g.pad_w = pad;
  g.oh = (h + 2 * pad - kh) / stride + 1, g.ow = (w + 2 * pad - kw) / stride + 1;
  return g;
}

// Winners drawn at random, but inside of the image. `nhwc` turns all of it around.
void check_pool(const std::string& what, const PoolGeometry& g, bool nhwc, double held,
                const std::string& cause) {
  const auto at = [&](int64_t n, int64_t c, int64_t i, int64_t j, int64_t rows, int64_t cols) {
    return static_cast<size_t>(nhwc ? ((n * rows + i) * cols + j) * g.c + c
                                    : ((n * g.c + c) * rows + i) * cols + j);
  };
  const auto out = static_cast<size_t>(g.n * g.c * g.oh * g.ow);
  const std::vector<float> some = numbers(2 * out, 4);
  std::vector<double> dy(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(out));
  std::vector<uint8_t> index(out);
  std::vector<double> dx(static_cast<size_t>(g.n * g.c * g.h * g.w), held);
  std::vector<double> expected(dx.size(), 0), last = expected, added = dx;
  size_t draw = out;
  for (int64_t n = 0; n < g.n; ++n)
    for (int64_t c = 0; c < g.c; ++c)
      for (int64_t i = 0; i < g.oh; ++i)
        for (int64_t j = 0; j < g.ow; ++j) {
          auto winner = static_cast<int64_t>((some[draw++ % some.size()] + 1) / 2 *
                                             static_cast<float>(g.kh * g.kw));
          const auto row = [&] { return i * g.stride_h - g.pad_h + winner / g.kw; };
          const auto col = [&] { return j * g.stride_w - g.pad_w + winner % g.kw; };
          while (row() < 0 || row() >= g.h || col() < 0 || col() >= g.w)
            winner = (winner + 1) % (g.kh * g.kw);
          const size_t from = at(n, c, i, j, g.oh, g.ow);
          index[from] = static_cast<uint8_t>(winner);
          expected[at(n, c, row(), col(), g.h, g.w)] += dy[from];
          last[at(n, c, row(), col(), g.h, g.w)] = dy[from];
        }
  kernels::loops::max_pool2d_grad(kernels::MaxPoolGradArgs<double>{
      g, nhwc ? kernels::ImageLayout::kNhwc : kernels::ImageLayout::kNchw, dy.data(), index.data(),
      dx.data()});
  for (size_t i = 0; i < added.size(); ++i) added[i] += expected[i];
  values({.what = what,
          .got = dx,
          .expected = expected,
          .tolerance = 1e-12,
          .invariant = kSum,
          .mistakes = {{std::vector<double>(dx.size(), 0), "no window sent its gradient back"},
                       {held != 0 ? added : std::vector<double>{},
                        "dx was added to what its memory held: begin with zeros"},
                       {last != expected ? last : std::vector<double>{},
                        "an element that won several windows got the gradient of one of them"},
                       {dx == expected ? std::vector<double>{} : dx, cause}}});
}

}  // namespace

TASK_TEST(max_pool_grad, of_windows_side_by_side) {
  check_pool("windows of 2x2 over 2 x 3 x 6 x 4", pool(2, 3, 6, 4, 2, 2, 2, 0), false, 0,
             "the whole gradient of a window goes to its winner, nothing to the others");
}
TASK_TEST(max_pool_grad, of_oblong_windows) {
  check_pool("windows of 2x3 over 1 x 2 x 6 x 9", pool(1, 2, 6, 9, 2, 3, 3, 0), false, 0,
             "index counts the window row by row: row index / kw, column index % kw");
}
TASK_TEST(max_pool_grad, of_windows_that_overlap) {
  check_pool("windows of 3x3, 1 apart, over 1 x 2 x 5 x 6", pool(1, 2, 5, 6, 3, 3, 1, 0), false, 0,
             "");
}
TASK_TEST(max_pool_grad, with_padding) {
  check_pool("windows of 3x3, 2 apart, padding 1, over 1 x 2 x 7 x 7", pool(1, 2, 7, 7, 3, 3, 2, 1),
             false, 0, "the window of output (i, j) begins at row i stride_h - pad_h");
}
TASK_TEST(max_pool_grad, of_channels_last) {
  check_pool("windows of 2x2 over 2 x 3 x 4 x 4 in NHWC", pool(2, 3, 4, 4, 2, 2, 2, 0), true, 0,
             "in NHWC the elements of a plane lie c apart");
}
TASK_TEST(max_pool_grad, overwrites) {
  check_pool("windows of 2x2 over 1 x 2 x 5 x 5, where dx held sevens",
             pool(1, 2, 5, 5, 2, 2, 2, 0), false, 7, "");
}
TASK_TEST(max_pool_grad, through_max_pool2d) {
  const Tensor x = leaf({1, 5, 2, 5, 4, 3, 9, 0, 8}, Shape{1, 1, 3, 3}, DType::kF64);
  max_pool2d(x, {{2, 2}, {1, 1}})
      .backward(Tensor::of({1, 10, 100, 1000}, Shape{1, 1, 2, 2}, DType::kF64));
  values({.what = "the gradient of [[1, 5, 2], [5, 4, 3], [9, 0, 8]] through 2x2 windows 1 apart",
          .got = gradient(x),
          .expected = {0, 11, 0, 0, 0, 0, 100, 0, 1000},
          .shape = {1, 1, 3, 3}});
}

}  // namespace tinytorch::check
