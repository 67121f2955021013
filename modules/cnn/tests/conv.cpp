// Tasks 3.1 to 3.4, against sums in double precision.
#include "tinytorch/kernels/conv.h"

#include <cmath>
#include <cstdint>

#include "modules/harness/check.h"

namespace tinytorch::check {

namespace {

using kernels::ConvGeometry;

const char* const kPositions =
    "1. A window stands at every position where it fits into the padded image, and nowhere else";
const char* const kTaps =
    "2. Output (o, i, j) takes each tap of each channel of its group once; what lies outside of "
    "the "
    "image is 0";

// Counts the positions of a window by trying them all.
int64_t positions(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  int64_t count = 0;
  for (int64_t start = -pad; start + dilation * (kernel - 1) < in + pad; start += stride) ++count;
  return count;
}

struct Size {
  int64_t in, kernel, stride, pad, dilation;
};

void check_size(const Size& s) {
  const double in = static_cast<double>(s.in), k = static_cast<double>(s.kernel),
               pad = static_cast<double>(s.pad);
  const auto stride = static_cast<double>(s.stride), dil = static_cast<double>(s.dilation);
  const auto floor_of = [&](double room) { return room < 0 ? 0 : std::floor(room / stride) + 1; };
  values({.what = "conv_output_size(in " + std::to_string(s.in) + ", kernel " +
                  std::to_string(s.kernel) + ", stride " + std::to_string(s.stride) + ", padding " +
                  std::to_string(s.pad) + ", dilation " + std::to_string(s.dilation) + ")",
          .got = {static_cast<double>(
              kernels::conv_output_size(s.in, s.kernel, s.stride, s.pad, s.dilation))},
          .expected = {static_cast<double>(positions(s.in, s.kernel, s.stride, s.pad, s.dilation))},
          .invariant = kPositions,
          .mistakes = {
              {{std::floor((in + 2 * pad - dil * (k - 1) - 1) / stride)},
               "one position is missing: the first window counts, too"},
              {{floor_of(in + pad - dil * (k - 1) - 1)}, "padding is added on one side only"},
              {{floor_of(in - dil * (k - 1) - 1)}, "padding is left out"},
              {{floor_of(in + 2 * pad - k)}, "dilation is left out: the taps lie dilation apart"},
              {{floor_of(in + 2 * pad - dil * k)},
               "the window reaches dilation * (kernel - 1) + 1 elements, not dilation * kernel"},
              {{in + 2 * pad - dil * (k - 1)}, "the stride is left out"},
              {{std::ceil((in + 2 * pad - dil * (k - 1) - 1) / stride) + 1},
               "a window that hangs over the end counts: round down"}}});
}

// What a plausible mistake computes instead.
struct Twist {
  const char* cause = "";
  bool no_padding = false, no_stride = false, no_dilation = false, flip = false, swap = false;
  bool one_channel = false, first_group = false, no_bias = false, no_activation = false;
  bool clamp = false, last_tap_missing = false, own_rows = false, bias_each_tap = false;
  bool first_image = false, last_product_missing = false;
};

const Twist kTwists[] = {
    {.cause = "the padding is not subtracted: position 0 of the output starts pad before the image",
     .no_padding = true},
    {.cause = "the stride is left out", .no_stride = true},
    {.cause = "the dilation is left out", .no_dilation = true},
    {.cause = "the kernel is turned round: this is the convolution of mathematics; networks use "
              "the correlation",
     .flip = true},
    {.cause = "rows and columns of the kernel are exchanged", .swap = true},
    {.cause = "only the first channel of the group arrives: the sum over channels is missing",
     .one_channel = true},
    {.cause = "every group reads the channels of the first one", .first_group = true},
    {.cause = "the bias is not added", .no_bias = true},
    {.cause = "the activation is left out", .no_activation = true},
    {.cause = "the image's edge is repeated outside of it; padding is zeros", .clamp = true},
    {.cause = "the last tap of each row of the kernel is left out", .last_tap_missing = true},
    {.cause = "the bias is added more than once", .bias_each_tap = true},
    {.cause = "all images read the first one", .first_image = true},
    {.cause = "the last product of each sum is left out: there are channels of a group times taps",
     .last_product_missing = true},
};

struct Problem {
  ConvGeometry g;
  std::vector<float> x, w, bias;
  kernels::Activation activation = kernels::Activation::kNone;

  Problem(const ConvGeometry& geometry, bool with_bias)
      : g(geometry),
        x(numbers(static_cast<size_t>(g.n * g.c * g.h * g.w), 11)),
        w(numbers(static_cast<size_t>(g.o * (g.c / g.groups) * g.kh * g.kw), 12)) {
    if (with_bias) bias = numbers(static_cast<size_t>(g.o), 13);
  }

  double pixel(int64_t n, int64_t c, int64_t row, int64_t col, const Twist& t) const {
    if (t.clamp) {
      row = std::min(std::max<int64_t>(row, 0), g.h - 1);
      col = std::min(std::max<int64_t>(col, 0), g.w - 1);
    }
    if (row < 0 || row >= g.h || col < 0 || col >= g.w) return 0;
    return static_cast<double>(x[static_cast<size_t>(((n * g.c + c) * g.h + row) * g.w + col)]);
  }
  double tap(int64_t o, int64_t c, int64_t p, int64_t q, const Twist& t) const {
    if (t.flip) p = g.kh - 1 - p, q = g.kw - 1 - q;
    if (t.swap && g.kh == g.kw) std::swap(p, q);
    const int64_t group_in = g.c / g.groups;
    const bool last = c == group_in - 1 && p == g.kh - 1 && q == g.kw - 1;
    if (t.last_product_missing && last) return 0;
    return static_cast<double>(w[static_cast<size_t>(((o * group_in + c) * g.kh + p) * g.kw + q)]);
  }

  std::vector<double> result(const Twist& t) const {
    const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
    const int64_t stride_h = t.no_stride ? 1 : g.stride_h, stride_w = t.no_stride ? 1 : g.stride_w;
    const int64_t dil_h = t.no_dilation ? 1 : g.dil_h, dil_w = t.no_dilation ? 1 : g.dil_w;
    const int64_t pad_h = t.no_padding ? 0 : g.pad_h, pad_w = t.no_padding ? 0 : g.pad_w;
    std::vector<double> y;
    for (int64_t n = 0; n < g.n; ++n)
      for (int64_t o = 0; o < g.o; ++o)
        for (int64_t i = 0; i < g.oh; ++i)
          for (int64_t j = 0; j < g.ow; ++j) {
            const double b = bias.empty() ? 0 : static_cast<double>(bias[static_cast<size_t>(o)]);
            double sum = t.no_bias ? 0 : b;
            const int64_t first = t.first_group ? 0 : o / group_out * group_in;
            for (int64_t c = 0; c < (t.one_channel ? 1 : group_in); ++c) {
              if (t.bias_each_tap && c > 0) sum += b;
              for (int64_t p = 0; p < g.kh; ++p)
                for (int64_t q = 0; q < g.kw - (t.last_tap_missing ? 1 : 0); ++q)
                  sum += pixel(t.first_image ? 0 : n, first + c, i * stride_h + p * dil_h - pad_h,
                               j * stride_w + q * dil_w - pad_w, t) *
                         tap(o, c, p, q, t);
            }
            const bool clip = activation == kernels::Activation::kRelu && !t.no_activation;
            y.push_back(clip ? std::max(sum, 0.0) : sum);
          }
    return y;
  }

  std::string what() const {
    std::string text = "convolution of " + Shape{g.n, g.c, g.h, g.w}.str() + " with " +
                       Shape{g.o, g.c / g.groups, g.kh, g.kw}.str();
    text += ", stride " + std::to_string(g.stride_h) + " x " + std::to_string(g.stride_w);
    text += ", padding " + std::to_string(g.pad_h) + " x " + std::to_string(g.pad_w);
    text += ", dilation " + std::to_string(g.dil_h) + " x " + std::to_string(g.dil_w);
    if (g.groups > 1) text += ", " + std::to_string(g.groups) + " groups";
    return text;
  }

  void check(void (*fn)(const kernels::ConvArgs<float>&)) const {
    std::vector<float> y(static_cast<size_t>(g.n * g.o * g.oh * g.ow), 7.0F);
    Values v{.what = what(),
             .got = {},
             .expected = result({}),
             .shape = {g.n, g.o, g.oh, g.ow},
             .tolerance = 1e-5,
             .invariant = kTaps,
             .mistakes = {{std::vector<double>(y.size(), 7.0), "nothing is written"}}};
    for (const Twist& twist : kTwists) {
      const std::vector<double> twisted = result(twist);
      if (twisted != v.expected) v.mistakes.push_back({twisted, twist.cause});
    }
    v.mistakes.push_back({std::vector<double>(y.size(), 0.0), "all is 0"});
    if (!bias.empty()) {
      std::vector<double> after = result({});
      Problem plain = *this;
      plain.bias.clear();
      plain.activation = kernels::Activation::kNone;
      const std::vector<double> sums = plain.result({});
      for (size_t i = 0; i < after.size(); ++i) {
        const size_t o = i / static_cast<size_t>(g.oh * g.ow) % static_cast<size_t>(g.o);
        after[i] = std::max(sums[i], 0.0) + static_cast<double>(bias[o]);
      }
      if (activation == kernels::Activation::kRelu)
        v.mistakes.push_back({after, "the activation comes before the bias"});
      for (size_t i = 0; i < after.size(); ++i) {
        const size_t o = i / static_cast<size_t>(g.oh * g.ow) % static_cast<size_t>(g.o);
        const size_t in_group = o % static_cast<size_t>(g.o / g.groups);
        after[i] = sums[i] + static_cast<double>(bias[in_group]);
      }
      if (g.groups > 1)
        v.mistakes.push_back({after, "every group takes the bias of the first one"});
    }
    kernels::ConvArgs<float> args;
    args.g = g;
    args.x = x.data(), args.w = w.data(), args.y = y.data();
    args.bias = bias.empty() ? nullptr : bias.data();
    args.activation = activation;
    fn(args);
    v.got = doubles(y);
    values(v);
  }
};

struct Options {
  int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dil_h = 1, dil_w = 1, groups = 1;
};

// The sizes of the output are counted here, so that task 3.1 is not needed.
ConvGeometry geometry(int64_t n, int64_t c, int64_t h, int64_t w, int64_t o, int64_t kh, int64_t kw,
                      const Options& s = {}) {
  ConvGeometry g{};
  g.n = n, g.c = c, g.h = h, g.w = w, g.o = o, g.kh = kh, g.kw = kw;
  g.stride_h = s.stride_h, g.stride_w = s.stride_w, g.pad_h = s.pad_h, g.pad_w = s.pad_w;
  g.dil_h = s.dil_h, g.dil_w = s.dil_w, g.groups = s.groups;
  g.oh = positions(h, kh, s.stride_h, s.pad_h, s.dil_h);
  g.ow = positions(w, kw, s.stride_w, s.pad_w, s.dil_w);
  return g;
}

using Convolution = void (*)(const kernels::ConvArgs<float>&);
const Convolution kLoops = kernels::loops::conv2d<float>,
                  kIm2col = kernels::loops::conv2d_im2col<float>;

void of_ragged_images(Convolution fn) {
  Problem(geometry(1, 2, 5, 6, 3, 3, 3), false).check(fn);
  Problem(geometry(2, 3, 7, 4, 2, 2, 3), false).check(fn);
  Problem(geometry(1, 1, 1, 1, 1, 1, 1), false).check(fn);
}
void with_padding(Convolution fn) {
  Problem(geometry(1, 2, 4, 5, 2, 3, 3, {.pad_h = 1, .pad_w = 1}), false).check(fn);
  Problem(geometry(1, 1, 3, 2, 2, 5, 3, {.pad_h = 2, .pad_w = 1}), false).check(fn);
}
void with_stride_and_dilation(Convolution fn) {
  Problem(geometry(1, 2, 9, 8, 2, 3, 3, {.stride_h = 2, .stride_w = 3}), false).check(fn);
  Problem(geometry(1, 2, 9, 8, 2, 3, 2, {.pad_w = 1, .dil_h = 2, .dil_w = 3}), false).check(fn);
}
void with_groups(Convolution fn) {
  Problem(geometry(2, 4, 5, 4, 6, 3, 2, {.groups = 2}), true).check(fn);
  Problem(geometry(1, 3, 5, 4, 3, 3, 3, {.pad_h = 1, .groups = 3}), true).check(fn);
}
void with_bias_and_relu(Convolution fn) {
  Problem problem(geometry(2, 2, 4, 4, 3, 2, 2), true);
  problem.check(fn);
  problem.activation = kernels::Activation::kRelu;
  problem.check(fn);
}

}  // namespace

// ---- 3.1

TASK_TEST(output_size, of_a_window_that_fits) {
  for (const Size& s : {Size{5, 3, 1, 0, 1}, {3, 3, 1, 0, 1}, {28, 5, 1, 0, 1}}) check_size(s);
}
TASK_TEST(output_size, with_padding) {
  for (const Size& s : {Size{4, 5, 1, 2, 1}, {5, 3, 1, 1, 1}, {1, 3, 1, 1, 1}}) check_size(s);
}
TASK_TEST(output_size, with_stride) {
  for (const Size& s : {Size{7, 3, 2, 0, 1}, {8, 3, 2, 0, 1}, {9, 2, 3, 1, 1}, {224, 7, 2, 3, 1}})
    check_size(s);
}
TASK_TEST(output_size, with_dilation) {
  for (const Size& s : {Size{9, 3, 1, 0, 2}, {9, 3, 2, 1, 3}, {5, 3, 1, 0, 2}}) check_size(s);
}
TASK_TEST(output_size, is_zero_when_nothing_fits) {
  for (const Size& s : {Size{2, 3, 1, 0, 1}, {1, 4, 2, 1, 1}, {4, 3, 3, 0, 2}, {0, 1, 1, 0, 1}})
    check_size(s);
}

// ---- 3.2

TASK_TEST(conv_loops, of_ragged_images) {
  of_ragged_images(kLoops);
}
TASK_TEST(conv_loops, with_padding) {
  with_padding(kLoops);
}
TASK_TEST(conv_loops, with_stride_and_dilation) {
  with_stride_and_dilation(kLoops);
}
TASK_TEST(conv_loops, with_groups) {
  with_groups(kLoops);
}
TASK_TEST(conv_loops, with_bias_and_relu) {
  with_bias_and_relu(kLoops);
}
TASK_TEST(conv_loops, stays_inside) {
  Problem(geometry(1, 1, 3, 4, 1, 3, 3, {.pad_h = 1, .pad_w = 1}), false).check(kLoops);
}

// ---- 3.3: with the unit matrix for weights, the result is the columns themselves

namespace {

struct Columns {
  ConvGeometry g;
  std::vector<float> x;

  explicit Columns(const ConvGeometry& geometry)
      : g(geometry), x(numbers(static_cast<size_t>(g.c * g.h * g.w), 17)) {
    g.o = g.c * g.kh * g.kw;
  }

  std::vector<double> expected(const Twist& t = {}) const {
    std::vector<double> out;
    for (int64_t c = 0; c < g.c; ++c)
      for (int64_t p = 0; p < g.kh; ++p)
        for (int64_t q = 0; q < g.kw; ++q)
          for (int64_t i = 0; i < g.oh; ++i)
            for (int64_t j = 0; j < g.ow; ++j) {
              int64_t row = i * (t.no_stride ? 1 : g.stride_h) +
                            (t.swap ? q : p) * (t.no_dilation ? 1 : g.dil_h) -
                            (t.no_padding ? 0 : g.pad_h);
              int64_t col = j * (t.no_stride ? 1 : g.stride_w) +
                            (t.swap ? p : q) * (t.no_dilation ? 1 : g.dil_w) -
                            (t.no_padding ? 0 : g.pad_w);
              if (t.clamp) {
                row = std::min(std::max<int64_t>(row, 0), g.h - 1);
                col = std::min(std::max<int64_t>(col, 0), g.w - 1);
              }
              const bool inside = row >= 0 && row < g.h && col >= 0 && (t.own_rows || col < g.w);
              const auto at =
                  static_cast<size_t>(((t.one_channel ? 0 : c) * g.h + row) * g.w + col);
              out.push_back(inside && at < x.size() ? static_cast<double>(x[at]) : 0);
            }
    return out;
  }

  // Each window together, not each tap: the transposed matrix in the same memory.
  std::vector<double> transposed() const {
    const std::vector<double> columns = expected();
    const size_t pixels = static_cast<size_t>(g.oh * g.ow), taps = static_cast<size_t>(g.o);
    std::vector<double> out;
    for (size_t pixel = 0; pixel < pixels; ++pixel)
      for (size_t tap = 0; tap < taps; ++tap) out.push_back(columns[tap * pixels + pixel]);
    return out;
  }

  // The taps of a channel in the order q, p.
  std::vector<double> exchanged() const {
    const std::vector<double> columns = expected();
    const size_t pixels = static_cast<size_t>(g.oh * g.ow);
    std::vector<double> out;
    for (int64_t c = 0; c < g.c; ++c)
      for (int64_t q = 0; q < g.kw; ++q)
        for (int64_t p = 0; p < g.kh; ++p)
          for (size_t pixel = 0; pixel < pixels; ++pixel)
            out.push_back(columns[static_cast<size_t>((c * g.kh + p) * g.kw + q) * pixels + pixel]);
    return out;
  }

  void check() const {
    std::vector<float> unit(static_cast<size_t>(g.o * g.o), 0.0F),
        y(static_cast<size_t>(g.o * g.oh * g.ow), 7.0F);
    for (size_t i = 0; i < static_cast<size_t>(g.o); ++i)
      unit[i * static_cast<size_t>(g.o + 1)] = 1;
    Values v{.what = "the columns of an image " + Shape{g.c, g.h, g.w}.str() + ", windows of " +
                     std::to_string(g.kh) + " x " + std::to_string(g.kw),
             .got = {},
             .expected = expected(),
             .shape = {g.c, g.kh, g.kw, g.oh, g.ow},
             .invariant =
                 "3. Row (c, p, q) of the columns is the image of channel c moved by tap (p, "
                 "q); every element is written, outside of the image with 0",
             .mistakes = {{std::vector<double>(y.size(), 0.0), "every column is 0"},
                          {exchanged(), "the taps of a channel stand in the order q, p"},
                          {transposed(),
                           "each window lies together: the matrix is transposed, its rows are taps "
                           "and its columns are pixels"}}};
    const auto add = [&](const char* cause, const Twist& twist) {
      if (expected(twist) != v.expected) v.mistakes.push_back({expected(twist), cause});
    };
    add("the padding is not subtracted", {.no_padding = true});
    add("the stride is left out", {.no_stride = true});
    add("the dilation is left out", {.no_dilation = true});
    add("rows and columns of the kernel are exchanged", {.swap = true});
    add("every channel reads the first one", {.one_channel = true});
    add("the image's edge is repeated outside of it; padding is zeros", {.clamp = true});
    add("a window that hangs over the right edge reads the next row: the column must be checked, "
        "too",
        {.own_rows = true});
    kernels::ConvArgs<float> args;
    args.g = g;
    args.x = x.data(), args.w = unit.data(), args.y = y.data();
    kernels::loops::conv2d_im2col(args);
    v.got = doubles(y);
    values(v);
  }
};

}  // namespace

TASK_TEST(im2col, of_ragged_images) {
  Columns(geometry(1, 2, 4, 5, 1, 2, 3)).check();
  Columns(geometry(1, 1, 3, 3, 1, 3, 3)).check();
}
TASK_TEST(im2col, with_padding) {
  Columns(geometry(1, 2, 3, 4, 1, 3, 3, {.pad_h = 1, .pad_w = 1})).check();
  Columns(geometry(1, 1, 4, 3, 1, 3, 3, {.pad_w = 2})).check();
}
TASK_TEST(im2col, with_stride_and_dilation) {
  Columns(geometry(1, 2, 7, 8, 1, 2, 2, {.stride_h = 2, .stride_w = 3})).check();
  Columns(geometry(1, 1, 7, 8, 1, 3, 2, {.dil_h = 2, .dil_w = 3})).check();
}
TASK_TEST(im2col, of_one_image_after_another) {
  ConvGeometry g = geometry(2, 1, 3, 3, 1, 3, 3, {.pad_h = 1, .pad_w = 1});
  Problem problem(g, false);
  problem.check(kIm2col);
}
TASK_TEST(im2col, stays_inside) {
  Columns(geometry(1, 1, 3, 4, 1, 3, 3, {.pad_h = 2, .pad_w = 2})).check();
}

// ---- 3.4

TASK_TEST(conv_im2col, of_ragged_images) {
  of_ragged_images(kIm2col);
}
TASK_TEST(conv_im2col, with_padding_stride_and_dilation) {
  with_padding(kIm2col);
  with_stride_and_dilation(kIm2col);
}
TASK_TEST(conv_im2col, with_groups) {
  with_groups(kIm2col);
}
TASK_TEST(conv_im2col, with_bias_and_relu) {
  with_bias_and_relu(kIm2col);
}
TASK_TEST(conv_im2col, of_many_images) {
  Problem(geometry(5, 2, 4, 3, 3, 3, 3, {.pad_h = 1, .pad_w = 1}), true).check(kIm2col);
}

}  // namespace tinytorch::check
