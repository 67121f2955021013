// Images in another size, one dimension after the other: each place of the result is a weighted sum
// of a few places of the input (one for nearest, two for linear, four for cubic).
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

struct Resizing {
  std::string mode, coordinates, nearest;
  double cubic_a = -0.75;
  bool exclude_outside = false;
};

// Where place i of `out` lies among `in` places that are stretched by `scale`.
double source_of(const Resizing& r, int64_t i, int64_t in, int64_t out, double scale) {
  const auto at = static_cast<double>(i);
  if (r.coordinates == "asymmetric") return at / scale;
  // ONNX takes the size before it was rounded down here.
  if (r.coordinates == "align_corners")
    return out == 1 ? 0 : at * static_cast<double>(in - 1) / (static_cast<double>(in) * scale - 1);
  if (r.coordinates == "tf_half_pixel_for_nn") return (at + 0.5) / scale;
  if (r.coordinates == "pytorch_half_pixel" && out == 1) return 0;
  if (r.coordinates == "half_pixel" || r.coordinates == "pytorch_half_pixel")
    return (at + 0.5) / scale - 0.5;
  raise<Unsupported>("coordinate_transformation_mode {}: we do not have it", r.coordinates);
}

double nearest_of(const Resizing& r, double x) {
  if (r.nearest == "floor") return std::floor(x);
  if (r.nearest == "ceil") return std::ceil(x);
  if (r.nearest == "round_prefer_floor") return std::ceil(x - 0.5);
  if (r.nearest == "round_prefer_ceil") return std::floor(x + 0.5);
  raise<IoError>("nearest_mode '{}'", r.nearest);
}

// Source: Keys 1981. t from the second of four places, in [0, 1).
std::array<double, 4> cubic_weights(double t, double a) {
  const auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

struct Tap {
  Numbers index;
  std::vector<double> weight;
};

std::vector<Tap> taps_of(const Resizing& r, int64_t in, int64_t out, double scale) {
  const size_t count = r.mode == "nearest" ? 1 : r.mode == "linear" ? 2 : 4;
  std::vector<Tap> taps(count);
  for (int64_t i = 0; i < out; ++i) {
    const double x = source_of(r, i, in, out, scale);
    double first = std::floor(x);
    std::array<double, 4> weights{1, 0, 0, 0};
    if (count == 1) {
      first = nearest_of(r, x);
    } else if (count == 2) {
      weights = {1 - (x - first), x - first, 0, 0};
    } else {
      weights = cubic_weights(x - first, r.cubic_a);
      --first;
    }
    double total = 0;
    for (size_t k = 0; k < count; ++k) {
      const double place = first + static_cast<double>(k);
      if (r.exclude_outside && (place < 0 || place > static_cast<double>(in - 1))) weights[k] = 0;
      total += weights[k];
      taps[k].index.push_back(
          static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(in - 1))));
    }
    for (size_t k = 0; k < count; ++k)
      taps[k].weight.push_back(r.exclude_outside && count > 1 ? weights[k] / total : weights[k]);
  }
  return taps;
}

Tensor resize_dim(const Resizing& r, const Tensor& x, int dim, int64_t out, double scale) {
  Shape column = Shape::filled(x.dim(), 1);
  column[dim] = out;
  Tensor y;
  for (const Tap& tap : taps_of(r, x.size(dim), out, scale)) {
    const Tensor part = index_select(x, dim, from_vector(tap.index, {out}));
    if (r.mode == "nearest") return part;
    const Tensor scaled = part * from_vector(tap.weight, column).to(x.dtype());
    y = y.defined() ? y + scaled : scaled;
  }
  return y;
}

// Scales, or else sizes, one for each dimension.
Tensor resized(const Resizing& r, const Tensor& x, const std::vector<double>& scales,
               const Numbers& sizes) {
  const auto rank = static_cast<size_t>(x.dim());
  if ((scales.empty() ? sizes.size() : scales.size()) != rank)
    raise<IoError>("{} scales and {} sizes for {}", scales.size(), sizes.size(), x.shape().str());
  if (r.mode != "nearest" && r.mode != "linear" && r.mode != "cubic")
    raise<IoError>("mode '{}'", r.mode);
  Tensor y = x;
  for (size_t d = 0; d < rank; ++d) {
    const int dim = static_cast<int>(d);
    const auto in = static_cast<double>(x.size(dim));
    const double scale = scales.empty() ? static_cast<double>(sizes[d]) / in : scales[d];
    const double out = scales.empty() ? static_cast<double>(sizes[d]) : std::floor(in * scale);
    if (!(out >= 1 && out < 0x1p24 && in >= 1 && scale > 0))
      raise<ShapeError>("dim {} of {} times {}", d, x.shape().str(), scale);
    if (scale == 1) continue;
    y = resize_dim(r, y, dim, static_cast<int64_t>(out), scale);
  }
  return y;
}

std::vector<double> scales_of(const Node& n, int input) {
  if (!n.has(input) || n.in(input).numel() == 0) return {};
  return to_vector<double>(n.in(input).to(DType::kF64));
}

// Of opsets 18 and 19; files may also write down what holds without them.
void refuse_later_attributes(const Node& n) {
  const auto refuse = [](const char* name) {
    raise<Unsupported>("attribute {}: we have its default alone", name);
  };
  if (n.integer("antialias", 0) != 0) refuse("antialias");
  if (n.text("keep_aspect_ratio_policy", "stretch") != "stretch")
    refuse("keep_aspect_ratio_policy");
  if (!n.given("axes")) return;
  const int rank = n.in(0).dim();
  Numbers axes = n.integers("axes"), all(static_cast<size_t>(rank));
  for (int64_t& axis : axes) axis = axis_of(n, axis, rank);
  std::iota(all.begin(), all.end(), int64_t{0});
  if (axes != all) refuse("axes");
}

Tensors resize(const Node& n) {
  Resizing r;
  r.mode = n.text("mode", "nearest");
  r.coordinates = n.text("coordinate_transformation_mode", "half_pixel");
  r.nearest = n.text("nearest_mode", "round_prefer_floor");
  r.cubic_a = n.real("cubic_coeff_a", -0.75);
  r.exclude_outside = n.integer("exclude_outside", 0) != 0;
  refuse_later_attributes(n);
  return {resized(r, n.in(0), scales_of(n, 2), n.has(3) ? n.numbers(3) : Numbers())};
}

// Before opset 11: places are multiplied, and rounded down.
Tensors resize_by_scales(const Node& n) {
  Resizing r;
  r.mode = n.text("mode", "nearest");
  r.coordinates = "asymmetric";
  r.nearest = "floor";
  return {resized(r, n.in(0), scales_of(n, 1), {})};
}

const OpRow kRows[] = {
    {"Upsample", 9, resize_by_scales},
    {"Resize", 10, resize_by_scales},
    {"Resize", 11, resize},
};

}  // namespace

std::span<const OpRow> resize_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
