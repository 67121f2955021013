// Images in another size. Both directions are independent: rows are chosen and weighted, then
// columns.
#include "tinytorch/ops/interpolate.h"

#include <algorithm>
#include <cmath>

#include "tinytorch/core/memory.h"
#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

// One dimension's new size; `step` is how far the source moves with one pixel of the result.
struct Resize {
  int dim;
  int64_t in, out;
  double step;
};

// The pixel below position i of the result. Positions are PyTorch's: in f32 for every dtype, exact
// for equal and double size. Where in / out has no exact f32, a position that should be whole may
// come out just below it.
int64_t nearest_pixel(int64_t i, const Resize& r) {
  if (r.out == r.in) return i;
  if (r.out == 2 * r.in) return i / 2;
  const float at = std::floor(static_cast<float>(i) * static_cast<float>(r.step));
  // Compared before it is converted: a tiny factor's step can be infinite in f32.
  return at < static_cast<float>(r.in) ? std::min(static_cast<int64_t>(at), r.in - 1) : r.in - 1;
}

Tensor nearest(const Tensor& x, const Resize& r) {
  Tensor index = empty({r.out}, DType::kI64);
  for (int64_t i = 0; i < r.out; ++i) index.data<int64_t>()[i] = nearest_pixel(i, r);
  pin(index.storage());
  return index_select(x, r.dim, index);
}

Tensor linear_between(const Tensor& x, const Resize& r, bool align_corners) {
  Tensor low = empty({r.out}, DType::kI64), high = empty({r.out}, DType::kI64),
         share = empty({r.out}, DType::kF64);
  for (int64_t i = 0; i < r.out; ++i) {
    const double at = static_cast<double>(i),
                 from = align_corners ? at * r.step : std::max(0.0, (at + 0.5) * r.step - 0.5);
    const int64_t below = std::min(static_cast<int64_t>(from), r.in - 1);
    low.data<int64_t>()[i] = below;
    high.data<int64_t>()[i] = std::min(below + 1, r.in - 1);
    share.data<double>()[i] = std::clamp(from - static_cast<double>(below), 0.0, 1.0);
  }
  for (const Tensor* t : {&low, &high, &share}) pin(t->storage());
  const Tensor weight = r.dim == 2 ? share.to(x.dtype()).reshape({r.out, 1}) : share.to(x.dtype());
  return index_select(x, r.dim, low) * (1 - weight) + index_select(x, r.dim, high) * weight;
}

Tensor resized(const Tensor& x, const Resize& rows, const Resize& cols, Interpolation mode,
               bool align_corners) {
  if (mode == Interpolation::kNearest) {
    if (align_corners)
      raise<ConfigError>("interpolate: align_corners is for bilinear interpolation.");
    return nearest(nearest(x, rows), cols);
  }
  return linear_between(linear_between(x, rows, align_corners), cols, align_corners);
}

void check_image(const Tensor& x, int64_t out_h, int64_t out_w) {
  if (x.dim() != 4)
    raise<ShapeError>(
        "interpolate: {} must be images (n, c, h, w). Hint: unsqueeze(0) makes one image a batch.",
        describe(x));
  if (!is_floating(x.dtype())) raise_not_float("interpolate", x.dtype());
  if (out_h < 1 || out_w < 1 || x.size(2) < 1 || x.size(3) < 1)
    raise<ShapeError>("interpolate: {} to {}x{}: sizes must be at least 1.", describe(x), out_h,
                      out_w);
}

double ratio(int64_t in, int64_t out, bool align_corners) {
  if (align_corners)
    return out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
  return static_cast<double>(in) / static_cast<double>(out);
}

}  // namespace

Tensor interpolate(const Tensor& x, int64_t out_h, int64_t out_w, Interpolation mode,
                   bool align_corners) {
  check_image(x, out_h, out_w);
  return resized(x, {2, x.size(2), out_h, ratio(x.size(2), out_h, align_corners)},
                 {3, x.size(3), out_w, ratio(x.size(3), out_w, align_corners)}, mode,
                 align_corners);
}

Tensor interpolate_by(const Tensor& x, double scale_h, double scale_w, Interpolation mode,
                      bool align_corners) {
  if (!(scale_h > 0 && scale_w > 0) || !std::isfinite(scale_h + scale_w))
    raise<ConfigError>("interpolate_by: the factors {} and {} must be positive.", scale_h, scale_w);
  const auto scaled = [&](int dim, double scale) -> int64_t {
    if (x.dim() != 4) return 0;
    constexpr double kMost = 1 << 30;  // more pixels in a row than any memory holds images of
    const double size = std::floor(static_cast<double>(x.size(dim)) * scale);
    if (size > kMost)
      raise<ShapeError>("interpolate_by: {} by a factor of {}: dim {} would be larger than {}.",
                        describe(x), scale, dim, kMost);
    return static_cast<int64_t>(size);
  };
  const int64_t out_h = scaled(2, scale_h), out_w = scaled(3, scale_w);
  check_image(x, out_h, out_w);
  const auto step = [&](int dim, int64_t out, double scale) {
    return align_corners ? ratio(x.size(dim), out, true) : 1 / scale;
  };
  return resized(x, {2, x.size(2), out_h, step(2, out_h, scale_h)},
                 {3, x.size(3), out_w, step(3, out_w, scale_w)}, mode, align_corners);
}

// ---- the table

namespace {

std::vector<Sample> interpolate_samples(SampleMaker& m) {
  const auto to = [](int64_t h, int64_t w, Interpolation mode, bool align) {
    return [=](const std::vector<Tensor>& t) { return interpolate(t[0], h, w, mode, align); };
  };
  const auto by = [](double h, double w, Interpolation mode, bool align) {
    return [=](const std::vector<Tensor>& t) { return interpolate_by(t[0], h, w, mode, align); };
  };
  constexpr Interpolation kNearest = Interpolation::kNearest, kBilinear = Interpolation::kBilinear;
  return {{"nearest, larger", {m.normal({2, 2, 3, 4})}, to(6, 7, kNearest, false)},
          {"nearest, smaller", {m.normal({1, 2, 5, 6})}, to(2, 4, kNearest, false)},
          {"nearest by 2", {m.normal({1, 2, 2, 3})}, by(2, 2, kNearest, false)},
          {"bilinear, larger", {m.normal({2, 2, 3, 4})}, to(5, 9, kBilinear, false)},
          {"bilinear, smaller", {m.normal({1, 2, 5, 6})}, to(2, 4, kBilinear, false)},
          {"bilinear, corners", {m.normal({1, 2, 3, 4})}, to(5, 9, kBilinear, true)},
          {"bilinear by 1.7, 0.6", {m.normal({1, 1, 5, 6})}, by(1.7, 0.6, kBilinear, false)},
          {"bilinear, one pixel", {m.normal({1, 2, 1, 1})}, to(2, 3, kBilinear, false)},
          {"bilinear to one, corners", {m.normal({1, 1, 3, 3})}, to(1, 1, kBilinear, true)}};
}
std::vector<ErrorCase> interpolate_errors() {
  return {{"3-d", [] { interpolate(zeros({1, 2, 3}), 2, 2); },
           "must be images (n, c, h, w). Hint: unsqueeze(0)"},
          {"size", [] { interpolate(zeros({1, 1, 2, 3}), 0, 2); },
           "f32 [1, 1, 2, 3] to 0x2: sizes must be at least 1"},
          {"factor", [] { interpolate_by(zeros({1, 1, 2, 3}), -1, 2); },
           "the factors -1 and 2 must be positive"},
          {"huge factor", [] { interpolate_by(zeros({1, 1, 2, 3}), 2, 1e300); },
           "f32 [1, 1, 2, 3] by a factor of 1e+300: dim 3 would be larger than"},
          {"corners of nearest",
           [] { interpolate(zeros({1, 1, 2, 3}), 2, 2, Interpolation::kNearest, true); },
           "align_corners is for bilinear"},
          {"integers", [] { interpolate(zeros({1, 1, 2, 3}, DType::kI64), 2, 2); },
           "works on f32 and f64"}};
}
Cost interpolate_cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 6);
}

const OpInfo kTable[] = {
    {"interpolate",
     "interpolate(x, out_h, out_w, mode, align_corners), interpolate_by(x, scale_h, "
     "scale_w, ...)",
     "images in another size, by the nearest pixel or bilinear",
     "g spread back with the same weights", "nothing", "gather_rows scatter_add_rows pointwise",
     interpolate_samples, interpolate_cost, interpolate_errors, 1e-6, true,
     "images only; other modes are missing; where a factor other than 1 or 2 keeps or doubles a "
     "size, nearest takes each pixel once or twice, as PyTorch does only for channels_last"},
};

}  // namespace

std::span<const OpInfo> interpolate_ops() {
  return kTable;
}

}  // namespace tinytorch
