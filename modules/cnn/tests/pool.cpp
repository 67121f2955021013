// Tasks 3.5 to 3.7, on images whose answers are counted by hand or in double precision.
#include "tinytorch/kernels/pool.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "modules/harness/check.h"

namespace tinytorch::check {

namespace {

using kernels::ImageLayout;
using kernels::PoolGeometry;

const char* const kLayout =
    "4. NCHW and NHWC are the same image: only the place of an element differs, never its value";
const char* const kWinner =
    "5. A maximum is one of the window's elements inside the image, and its index says which: the "
    "first of equal ones";
const char* const kAverage =
    "6. An average divides by what it counts: the window inside of the padded image, or inside of "
    "the image alone";

PoolGeometry geometry(int64_t n, int64_t c, int64_t h, int64_t w, int64_t kh, int64_t kw,
                      int64_t stride_h, int64_t stride_w, int64_t pad_h = 0, int64_t pad_w = 0) {
  PoolGeometry g{};
  g.n = n, g.c = c, g.h = h, g.w = w, g.kh = kh, g.kw = kw;
  g.stride_h = stride_h, g.stride_w = stride_w, g.pad_h = pad_h, g.pad_w = pad_w;
  g.oh = (h + 2 * pad_h - kh) / stride_h + 1;
  g.ow = (w + 2 * pad_w - kw) / stride_w + 1;
  return g;
}

// A dense image tensor in NCHW turned to the other layout.
template <class T>
std::vector<T> to_nhwc(const std::vector<T>& x, int64_t n, int64_t c, int64_t h, int64_t w) {
  std::vector<T> out;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t pixel = 0; pixel < h * w; ++pixel)
      for (int64_t channel = 0; channel < c; ++channel)
        out.push_back(x[static_cast<size_t>((i * c + channel) * h * w + pixel)]);
  return out;
}

// And back.
template <class T>
std::vector<T> to_nchw(const std::vector<T>& x, int64_t n, int64_t c, int64_t h, int64_t w) {
  std::vector<T> out;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t channel = 0; channel < c; ++channel)
      for (int64_t pixel = 0; pixel < h * w; ++pixel)
        out.push_back(x[static_cast<size_t>((i * h * w + pixel) * c + channel)]);
  return out;
}

// Planes whose columns lie together become planes of h rows of w elements.
template <class T>
std::vector<T> turned(const std::vector<T>& x, int64_t h, int64_t w) {
  std::vector<T> out;
  for (size_t plane = 0; plane < x.size(); plane += static_cast<size_t>(h * w))
    for (int64_t row = 0; row < h; ++row)
      for (int64_t col = 0; col < w; ++col)
        out.push_back(x[plane + static_cast<size_t>(col * h + row)]);
  return out;
}

struct Twist {
  bool no_padding = false, no_stride = false, first_channel = false, from_zero = false,
       padding_counts = false, last_of_equal = false, image_index = false, least = false;
};

struct Maxima {
  std::vector<double> y, index;
};

double pixel(const PoolGeometry& g, const std::vector<float>& x, int64_t plane, int64_t row,
             int64_t col) {
  return static_cast<double>(x[static_cast<size_t>((plane * g.h + row) * g.w + col)]);
}

Maxima maxima(const PoolGeometry& g, const std::vector<float>& x, const Twist& t = {}) {
  Maxima out;
  for (int64_t plane = 0; plane < g.n * g.c; ++plane)
    for (int64_t i = 0; i < g.oh; ++i)
      for (int64_t j = 0; j < g.ow; ++j) {
        double best = t.from_zero ? 0 : -std::numeric_limits<double>::infinity(), index = 0;
        for (int64_t p = 0; p < g.kh; ++p)
          for (int64_t q = 0; q < g.kw; ++q) {
            const int64_t row =
                i * (t.no_stride ? 1 : g.stride_h) + p - (t.no_padding ? 0 : g.pad_h);
            const int64_t col =
                j * (t.no_stride ? 1 : g.stride_w) + q - (t.no_padding ? 0 : g.pad_w);
            const bool inside = row >= 0 && row < g.h && col >= 0 && col < g.w;
            if (!inside && !t.padding_counts) continue;
            double v =
                inside ? pixel(g, x, t.first_channel ? plane / g.c * g.c : plane, row, col) : 0;
            if (t.least) v = -v;
            const bool nan_wins = std::isnan(v) && !std::isnan(best);
            if (v > best || nan_wins || (t.last_of_equal && v == best)) {
              best = v;
              index = static_cast<double>(t.image_index ? row * g.w + col : p * g.kw + q);
            }
          }
        out.y.push_back(t.least ? -best : best);
        out.index.push_back(index);
      }
  return out;
}

std::string text(const PoolGeometry& g) {
  return "windows of " + std::to_string(g.kh) + " x " + std::to_string(g.kw) + " over " +
         Shape{g.n, g.c, g.h, g.w}.str() + ", stride " + std::to_string(g.stride_h) + " x " +
         std::to_string(g.stride_w) + ", padding " + std::to_string(g.pad_h) + " x " +
         std::to_string(g.pad_w);
}

void check_max(const PoolGeometry& g, const std::vector<float>& x,
               ImageLayout layout = ImageLayout::kNchw, const char* invariant = kWinner) {
  const bool last = layout == ImageLayout::kNhwc;
  const auto count = static_cast<size_t>(g.n * g.c * g.oh * g.ow);
  std::vector<float> y(count, 7.0F);
  std::vector<uint8_t> index(count, 99);
  const auto order = [&](const std::vector<double>& values) {
    return last ? to_nhwc(values, g.n, g.c, g.oh, g.ow) : values;
  };
  const std::vector<float> given = last ? to_nhwc(x, g.n, g.c, g.h, g.w) : x;
  const Maxima right = maxima(g, x);
  Values v{.what = "maxima of " + text(g) + (last ? ", NHWC" : ""),
           .got = {},
           .expected = order(right.y),
           .shape = last ? Shape{g.n, g.oh, g.ow, g.c} : Shape{g.n, g.c, g.oh, g.ow},
           .invariant = invariant,
           .mistakes = {{std::vector<double>(count, 7.0), "nothing is written"}}};
  Values at = v;
  at.what = "indices of the " + v.what;
  at.expected = order(right.index);
  at.mistakes = {{std::vector<double>(count, 99.0), "no index is written"},
                 {std::vector<double>(count, 0.0), "every index is 0"}};
  const auto add = [&](const char* cause, const Twist& twist) {
    const Maxima wrong = maxima(g, x, twist);
    if (wrong.y != right.y) v.mistakes.push_back({order(wrong.y), cause});
    std::vector<double> bytes = wrong.index;  // as they fit into the index
    for (double& value : bytes) value = static_cast<double>(static_cast<int64_t>(value) & 255);
    if (bytes != right.index) at.mistakes.push_back({order(bytes), cause});
  };
  add("the maximum starts at 0: a window of negative numbers loses", {.from_zero = true});
  add("padding takes part as zeros: it must never win", {.padding_counts = true});
  add("the stride is left out", {.no_stride = true});
  add("the padding is not subtracted", {.no_padding = true});
  add("all channels read the first one", {.first_channel = true});
  add("of equal maxima the last one wins; it must be the first", {.last_of_equal = true});
  add("the index counts in the image; it must count in the window, p * kw + q",
      {.image_index = true});
  add("this is the minimum", {.least = true});
  v.mistakes.push_back({std::vector<double>(count, 0.0), "all is 0"});
  if (last) {
    v.mistakes.push_back({maxima(g, given).y, "the image is read as NCHW whatever its layout"});
    v.mistakes.push_back({right.y, "the result is written as NCHW whatever its layout"});
  } else {
    v.mistakes.push_back(
        {to_nhwc(maxima(g, to_nchw(x, g.n, g.c, g.h, g.w)).y, g.n, g.c, g.oh, g.ow),
         "the image is read as NHWC whatever its layout"});
    v.mistakes.push_back({turned(maxima(g, turned(x, g.h, g.w)).y, g.ow, g.oh),
                          "rows and columns are exchanged: the width is innermost"});
  }
  std::vector<double> first_place = v.expected;
  for (size_t i = count / static_cast<size_t>(g.n); i < count; ++i) first_place[i] = 7;
  if (g.n > 1)
    v.mistakes.push_back(
        {first_place, "all images lie in the place of the first one: n is left out"});
  kernels::MaxPoolArgs<float> args;
  args.g = g;
  args.layout = layout;
  args.x = given.data(), args.y = y.data(), args.index = index.data();
  kernels::loops::max_pool2d(args);
  v.got = doubles(y);
  values(v);
  at.got = doubles(index);
  values(at);
}

std::vector<float> image(const PoolGeometry& g, uint32_t seed) {
  return numbers(static_cast<size_t>(g.n * g.c * g.h * g.w), seed);
}

}  // namespace

// ---- 3.5

// One window an element: the result is the image, so that only the offsets matter.
TASK_TEST(layout, nchw_keeps_every_place) {
  const PoolGeometry g = geometry(2, 3, 4, 5, 1, 1, 1, 1);
  std::vector<float> y(120, -1.0F);
  const std::vector<float> x = image(g, 41);
  std::vector<double> expected = doubles(x);
  kernels::MaxPoolArgs<float> args;
  args.g = g;
  args.x = x.data(), args.y = y.data();
  kernels::loops::max_pool2d(args);
  values({.what = "windows of one element over [2, 3, 4, 5], NCHW",
          .got = doubles(y),
          .expected = expected,
          .shape = {2, 3, 4, 5},
          .invariant = kLayout,
          .mistakes = {{std::vector<double>(120, -1.0), "nothing is written"}}});
}

TASK_TEST(layout, nhwc_of_maxima) {
  const PoolGeometry g = geometry(2, 3, 5, 4, 2, 2, 1, 2);
  check_max(g, image(g, 42), ImageLayout::kNhwc, kLayout);
}

TASK_TEST(layout, nchw_of_maxima) {
  const PoolGeometry g = geometry(2, 3, 5, 4, 2, 2, 1, 2);
  check_max(g, image(g, 43), ImageLayout::kNchw, kLayout);
}

TASK_TEST(layout, nhwc_of_averages) {
  const PoolGeometry g = geometry(1, 2, 2, 3, 1, 3, 1, 1);
  const std::vector<float> x = {0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15};  // h, w, c
  std::vector<float> y(4, -1.0F);
  kernels::AvgPoolArgs<float> args;
  args.g = g;
  args.layout = ImageLayout::kNhwc;
  args.x = x.data(), args.y = y.data();
  kernels::loops::avg_pool2d(args);
  values({.what = "averages of whole rows over [1, 2, 2, 3], NHWC",
          .got = doubles(y),
          .expected = {1, 11, 4, 14},
          .shape = {1, 2, 1, 2},
          .tolerance = 1e-6,
          .invariant = kLayout,
          .mistakes = {{{11 / 3.0, 25 / 3.0, 20 / 3.0, 34 / 3.0},
                        "the image is read as NCHW whatever its layout"}}});
}

TASK_TEST(layout, stays_inside) {
  const PoolGeometry g = geometry(2, 5, 3, 2, 1, 1, 1, 1);
  check_max(g, image(g, 44), ImageLayout::kNhwc, kLayout);
}

// ---- 3.6

TASK_TEST(max_pool, of_ragged_images) {
  for (const PoolGeometry& g : {geometry(1, 2, 5, 7, 2, 2, 2, 2), geometry(2, 1, 6, 5, 3, 2, 1, 3)})
    check_max(g, image(g, 51));
}

TASK_TEST(max_pool, of_negative_numbers) {
  const PoolGeometry g = geometry(1, 2, 4, 4, 2, 2, 2, 2);
  std::vector<float> x = image(g, 52);
  for (float& v : x) v = -1 - std::abs(v);
  check_max(g, x);
}

TASK_TEST(max_pool, with_padding) {
  const PoolGeometry g = geometry(1, 2, 5, 4, 3, 3, 2, 2, 1, 1);
  std::vector<float> x = image(g, 53);
  for (float& v : x) v = -1 - std::abs(v);
  check_max(g, x);
}

TASK_TEST(max_pool, takes_the_first_of_equal_maxima) {
  const PoolGeometry g = geometry(1, 1, 4, 6, 2, 3, 2, 3);
  check_max(g, std::vector<float>(24, 2.5F));
}

TASK_TEST(max_pool, of_minus_infinity) {
  const PoolGeometry g = geometry(1, 1, 2, 4, 2, 2, 2, 2);
  check_max(g, std::vector<float>(8, -std::numeric_limits<float>::infinity()));
}

TASK_TEST(max_pool, keeps_a_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const PoolGeometry g = geometry(1, 1, 2, 4, 2, 2, 2, 2);
  const std::vector<float> x = {1, nan, 5, 6, 3, nan, 7, nan};
  std::vector<float> y(2);
  uint8_t index[2] = {99, 99};
  kernels::MaxPoolArgs<float> args;
  args.g = g;
  args.x = x.data(), args.y = y.data(), args.index = index;
  kernels::loops::max_pool2d(args);
  const double none = std::numeric_limits<double>::quiet_NaN();
  values({.what = "maxima of [1, NaN; 3, NaN] and [5, 6; 7, NaN]",
          .got = doubles(y),
          .expected = {none, none},
          .invariant = kWinner,
          .mistakes = {{{3, 7}, "a NaN loses every comparison with >: ask for it, v != v"},
                       {{3, none}, "a NaN loses every comparison with >: ask for it, v != v"}}});
  values({.what = "their indices",
          .got = doubles(std::vector<uint8_t>(index, index + 2)),
          .expected = {1, 3},
          .invariant = kWinner,
          .mistakes = {{{3, 3}, "of several NaNs the last wins; it must be the first"}}});
}

TASK_TEST(max_pool, works_without_an_index) {
  const PoolGeometry g = geometry(1, 1, 2, 2, 2, 2, 2, 2);
  const std::vector<float> x = {1, 4, 3, 2};
  std::vector<float> y(1);
  kernels::MaxPoolArgs<float> args;
  args.g = g;
  args.x = x.data(), args.y = y.data();
  kernels::loops::max_pool2d(args);
  values({.what = "the maximum of [1, 4; 3, 2], no index asked for",
          .got = doubles(y),
          .expected = {4},
          .invariant = kWinner});
}

// ---- 3.7

namespace {

struct AverageTwist {
  bool no_padding = false, no_stride = false, whole_window = false, covered_only = false,
       no_division = false, first_channel = false;
};

std::vector<double> averages(const PoolGeometry& g, const std::vector<float>& x,
                             const AverageTwist& t = {}) {
  std::vector<double> out;
  for (int64_t plane = 0; plane < g.n * g.c; ++plane)
    for (int64_t i = 0; i < g.oh; ++i)
      for (int64_t j = 0; j < g.ow; ++j) {
        double sum = 0, inside = 0, padded = 0;
        for (int64_t p = 0; p < g.kh; ++p)
          for (int64_t q = 0; q < g.kw; ++q) {
            const int64_t row =
                i * (t.no_stride ? 1 : g.stride_h) + p - (t.no_padding ? 0 : g.pad_h);
            const int64_t col =
                j * (t.no_stride ? 1 : g.stride_w) + q - (t.no_padding ? 0 : g.pad_w);
            const int64_t true_row = i * g.stride_h + p - g.pad_h;
            const int64_t true_col = j * g.stride_w + q - g.pad_w;
            if (true_row < g.h + g.pad_h && true_col < g.w + g.pad_w) padded += 1;
            if (true_row >= 0 && true_row < g.h && true_col >= 0 && true_col < g.w) inside += 1;
            if (row < 0 || row >= g.h || col < 0 || col >= g.w) continue;
            sum += pixel(g, x, t.first_channel ? plane / g.c * g.c : plane, row, col);
          }
        double divisor = g.count_include_pad ? padded : inside;
        if (t.whole_window) divisor = static_cast<double>(g.kh * g.kw);
        if (t.covered_only) divisor = inside;
        out.push_back(t.no_division ? sum : sum / divisor);
      }
  return out;
}

void check_average(const PoolGeometry& g) {
  const std::vector<float> x = image(g, 61);
  std::vector<float> y(static_cast<size_t>(g.n * g.c * g.oh * g.ow), 7.0F);
  Values v{.what = "averages of " + text(g) +
                   (g.count_include_pad ? ", padding counts" : ", padding does not count"),
           .got = {},
           .expected = averages(g, x),
           .shape = {g.n, g.c, g.oh, g.ow},
           .tolerance = 1e-6,
           .invariant = kAverage,
           .mistakes = {{std::vector<double>(y.size(), 7.0), "nothing is written"}}};
  const auto add = [&](const char* cause, const AverageTwist& twist) {
    const std::vector<double> wrong = averages(g, x, twist);
    if (wrong != v.expected) v.mistakes.push_back({wrong, cause});
  };
  add("the sum is not divided", {.no_division = true});
  add("it always divides by kh * kw", {.whole_window = true});
  add("it divides by the elements inside of the image, though padding counts",
      {.covered_only = true});
  add("the stride is left out", {.no_stride = true});
  add("the padding is not subtracted", {.no_padding = true});
  add("all channels read the first one", {.first_channel = true});
  v.mistakes.push_back({std::vector<double>(y.size(), 0.0), "all is 0"});
  kernels::AvgPoolArgs<float> args;
  args.g = g;
  args.x = x.data(), args.y = y.data();
  kernels::loops::avg_pool2d(args);
  v.got = doubles(y);
  values(v);
}

}  // namespace

TASK_TEST(avg_pool, of_ragged_images) {
  check_average(geometry(2, 2, 5, 7, 2, 3, 2, 2));
  check_average(geometry(1, 1, 3, 3, 3, 3, 1, 1));
}

TASK_TEST(avg_pool, with_padding_that_counts) {
  check_average(geometry(1, 2, 4, 5, 3, 3, 2, 1, 1, 1));
}

TASK_TEST(avg_pool, with_padding_that_does_not_count) {
  PoolGeometry g = geometry(1, 2, 4, 5, 3, 3, 2, 1, 1, 1);
  g.count_include_pad = false;
  check_average(g);
}

// Windows may be made to reach behind the padding (PyTorch's ceil_mode): there nothing counts.
TASK_TEST(avg_pool, of_windows_behind_the_padding) {
  PoolGeometry g = geometry(1, 1, 4, 4, 3, 3, 2, 2, 1, 1);
  g.oh = 3, g.ow = 3;
  for (const bool count : {true, false}) {
    g.count_include_pad = count;
    check_average(g);
  }
}

}  // namespace tinytorch::check
