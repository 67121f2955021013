// Shapes, constants, parts of tensors.
#include <algorithm>
#include <limits>

#include "tinytorch/data/bytes.h"
#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/rearrange.h"

namespace tinytorch::onnx {

namespace {

// A size from a file must not ask for more memory than any machine has.
Shape checked_shape(const Numbers& sizes, DType dtype) {
  if (sizes.size() > static_cast<size_t>(kMaxDims))
    raise<Unsupported>("{} dimensions: we have at most {}", sizes.size(), kMaxDims);
  if (!data::array_bytes(sizes, item_size(dtype)))
    raise<IoError>("[{}] is no shape", joined(sizes));
  return to_shape(sizes);
}

Tensors reshape(const Node& n) {
  const Tensor& x = n.in(0);
  Numbers sizes = n.either("shape", 1);
  const bool zero_is_zero = n.integer("allowzero", 0) != 0;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] != 0 || zero_is_zero) continue;
    if (static_cast<int>(d) >= x.dim())
      raise<IoError>("0 at place {} of shape [{}]: {} has no such dimension", d, joined(sizes),
                     x.shape().str());
    sizes[d] = x.shape()[static_cast<int>(d)];
  }
  if (sizes.size() > static_cast<size_t>(kMaxDims))
    raise<Unsupported>("{} dimensions: we have at most {}", sizes.size(), kMaxDims);
  return {x.reshape(to_shape(sizes))};
}

Tensors shape_of(const Node& n) {
  const Tensor& x = n.in(0);
  const int64_t rank = x.dim();
  const auto clamped = [&](int64_t v) {
    return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank);
  };
  const int64_t start = clamped(n.integer("start", 0)), end = clamped(n.integer("end", rank));
  const Numbers sizes(x.shape().begin() + start, x.shape().begin() + std::max(start, end));
  return {from_vector(sizes, {static_cast<int64_t>(sizes.size())})};
}

Tensors size_of(const Node& n) {
  return {scalar_tensor(n.in(0).numel(), DType::kI64)};
}

Tensors flatten(const Node& n) {
  const Tensor& x = n.in(0);
  int64_t axis = n.integer("axis", 1);
  if (axis < -x.dim() || axis > x.dim())
    raise<IoError>("axis {} is out of range for {}", axis, x.shape().str());
  if (axis < 0) axis += x.dim();
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < x.dim(); ++d) (d < axis ? outer : inner) *= x.shape()[d];
  return {x.reshape({outer, inner})};
}

Tensors transpose(const Node& n) {
  const Tensor& x = n.in(0);
  Numbers order = n.integers("perm");
  if (!n.given("perm"))
    for (int64_t d = x.dim(); d-- > 0;) order.push_back(d);
  return {permuted(x, order)};
}

Tensors concat(const Node& n) {
  if (!n.given("axis")) raise<IoError>("attribute axis is left out");
  for (int i = 0; i < n.count(); ++i) n.in(i);  // none may be left out
  return {cat(n.all(), axis_of(n, n.integer("axis", 0), n.in(0).dim()))};
}

Tensors split_of(const Node& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.integer("axis", 0), x.dim());
  const int64_t size = x.size(axis), parts = n.outputs();
  Numbers sizes;
  if (n.has_numbers("split", 1)) {
    sizes = n.either("split", 1);
  } else {  // equal; where it does not go up, the last is smaller (since opset 18)
    const int64_t each = parts ? (size + parts - 1) / parts : 0;
    if (parts == 0 || (size % parts != 0 && n.opset() < 18))
      raise<ShapeError>("{} parts of dim {} of {}", parts, axis, x.shape().str());
    for (int64_t i = 0; i < parts; ++i) sizes.push_back(std::min(each, size - i * each));
  }
  int64_t start = 0;
  Tensors out;
  for (const int64_t length : sizes) {
    if (length < 0 || length > size - start)
      raise<ShapeError>("parts of [{}] do not fit dim {} of {}", joined(sizes), axis,
                        x.shape().str());
    out.push_back(x.narrow(axis, start, length));
    start += length;
  }
  if (start != size)
    raise<ShapeError>("parts of [{}] do not fill dim {} of {}", joined(sizes), axis,
                      x.shape().str());
  return out;
}

Tensors slice(const Node& n) {
  Tensor y = n.in(0);
  const Numbers starts = n.either("starts", 1), ends = n.either("ends", 2);
  Numbers axes = n.has_numbers("axes", 3) ? n.either("axes", 3) : Numbers();
  const Numbers steps = n.has(4) ? n.numbers(4) : Numbers(starts.size(), 1);
  if (axes.empty() && !n.has_numbers("axes", 3))
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    raise<IoError>("starts, ends, axes and steps have {}, {}, {} and {} numbers", starts.size(),
                   ends.size(), axes.size(), steps.size());
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = axis_of(n, axes[i], y.dim());
    const int64_t size = y.size(axis), step = steps[i];
    if (step == 0) raise<IoError>("a step of 0");
    if (step == std::numeric_limits<int64_t>::min()) raise<IoError>("a step of {}", step);
    if (step > 0) {
      y = y.slice(axis, starts[i], ends[i], std::min(step, std::max<int64_t>(size, 1)));
      continue;
    }
    const auto from_end = [&](int64_t v) { return v < 0 ? v + size : v; };
    const int64_t first = std::clamp<int64_t>(from_end(starts[i]), -1, size - 1);
    const int64_t stop = std::clamp<int64_t>(from_end(ends[i]), -1, size - 1);
    const int64_t count = first > stop ? (first - stop - 1) / -step + 1 : 0;
    Numbers index;
    for (int64_t k = 0; k < count; ++k) index.push_back(first + k * step);
    y = index_select(y, axis, from_vector(index, {count}));
  }
  return {y};
}

Tensors squeeze(const Node& n) {
  const Tensor& x = n.in(0);
  Numbers axes = n.has_numbers("axes", 1) ? n.either("axes", 1) : Numbers();
  for (int64_t& axis : axes) {
    axis = axis_of(n, axis, x.dim());
    if (x.size(axis) != 1) raise<ShapeError>("dim {} of {} is not 1", axis, x.shape().str());
  }
  if (!n.has_numbers("axes", 1)) return {x.squeeze()};
  Shape shape;
  for (int d = 0; d < x.dim(); ++d)
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) shape.push_back(x.shape()[d]);
  return {x.reshape(shape)};
}

Tensors unsqueeze(const Node& n) {
  Tensor y = n.in(0);
  Numbers axes = n.either("axes", 1);
  const int rank = y.dim() + static_cast<int>(std::min<size_t>(axes.size(), 64));
  for (int64_t& axis : axes) axis = axis_of(n, axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    raise<IoError>("an axis twice in [{}]", joined(axes));
  for (const int64_t axis : axes) y = y.unsqueeze(axis);
  return {y};
}

Tensors expand(const Node& n) {
  const Tensor& x = n.in(0);
  const Shape wanted = checked_shape(n.numbers(1), x.dtype());
  return {x.expand(broadcast_shapes(x.shape(), wanted, "expand"))};
}

Tensors tile(const Node& n) {
  Tensor y = n.in(0);
  const Numbers repeats = n.numbers(1);
  if (static_cast<int>(repeats.size()) != y.dim())
    raise<IoError>("repeats [{}] does not fit {}", joined(repeats), y.shape().str());
  for (int d = 0; d < y.dim(); ++d) {
    const int64_t times = repeats[static_cast<size_t>(d)];
    if (times < 0 || times > (int64_t{1} << 31)) raise<IoError>("{} repetitions", times);
    if (times == 1) continue;
    Numbers sizes(y.shape().begin(), y.shape().end());
    sizes.insert(sizes.begin() + d, times);
    const Shape full_shape = checked_shape(sizes, y.dtype());
    Shape merged = y.shape();
    merged[d] *= times;
    y = y.unsqueeze(d).expand(full_shape).reshape(merged);
  }
  return {y};
}

// Where place i of a padded dimension comes from; modes reflect and edge.
Numbers padded_places(int64_t size, int64_t before, int64_t after, bool reflect) {
  Numbers index;
  for (int64_t i = -before; i < size + after; ++i) {
    int64_t at = reflect ? i : std::clamp<int64_t>(i, 0, size - 1);
    if (reflect && size > 1) {
      const int64_t period = 2 * (size - 1);
      at = ((i % period) + period) % period;
      at = at < size ? at : period - at;
    } else if (reflect) {
      at = 0;
    }
    index.push_back(at);
  }
  return index;
}

Tensors pad_of(const Node& n) {
  Tensor y = n.in(0);
  const Numbers pads = n.either("pads", 1);
  Numbers axes = n.has(3) ? n.numbers(3) : Numbers();
  if (!n.has(3))
    for (int d = 0; d < y.dim(); ++d) axes.push_back(d);
  if (pads.size() != 2 * axes.size())
    raise<IoError>("pads [{}] does not fit {}", joined(pads), y.shape().str());
  const std::string mode = n.text("mode", "constant");
  const double value = n.has(2) ? n.number(2, 0) : n.real("value", 0);
  Numbers amounts(2 * static_cast<size_t>(y.dim()), 0);
  Numbers sizes(y.shape().begin(), y.shape().end());
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = axis_of(n, axes[i], y.dim());
    const int64_t before = pads[i], after = pads[i + axes.size()];
    constexpr int64_t kMost = int64_t{1} << 40;
    if (std::max(std::abs(before), std::abs(after)) > kMost)
      raise<IoError>("padding by {}", before);
    const auto at = 2 * static_cast<size_t>(y.dim() - 1 - axis);
    amounts[at] = before;
    amounts[at + 1] = after;
    sizes[static_cast<size_t>(axis)] += before + after;
  }
  checked_shape(sizes, y.dtype());
  if (mode == "constant") return {pad(y, amounts, value)};
  if (mode != "reflect" && mode != "edge") raise<Unsupported>("mode {}: we do not have it", mode);
  for (int d = 0; d < y.dim(); ++d) {
    const auto at = 2 * static_cast<size_t>(y.dim() - 1 - d);
    if (amounts[at] == 0 && amounts[at + 1] == 0) continue;
    if (y.size(d) == 0) raise<ShapeError>("dim {} of {} has nothing to repeat", d, y.shape().str());
    const Numbers index = padded_places(y.size(d), amounts[at], amounts[at + 1], mode == "reflect");
    y = index_select(y, d, from_vector(index, {static_cast<int64_t>(index.size())}));
  }
  return {y};
}

Tensors constant(const Node& n) {
  if (n.given("value")) return {n.tensor("value")};
  if (n.given("value_float")) return {scalar_tensor(n.real("value_float", 0))};
  if (n.given("value_int")) return {scalar_tensor(n.integer("value_int", 0), DType::kI64)};
  if (n.given("value_ints")) {
    const Numbers v = n.integers("value_ints");
    return {from_vector(v, {static_cast<int64_t>(v.size())})};
  }
  if (n.given("value_floats")) {
    const std::vector<double> v = n.reals("value_floats");
    return {from_vector(v, {static_cast<int64_t>(v.size())}).to(DType::kF32)};
  }
  raise<Unsupported>("a constant of texts or a sparse one: we do not have it");
}

Tensors constant_of_shape(const Node& n) {
  const Tensor value = n.given("value") ? n.tensor("value") : zeros({1});
  if (value.numel() != 1) raise<IoError>("value {} is not one number", value.shape().str());
  const Shape shape = checked_shape(n.numbers(0), value.dtype());
  return {value.reshape({}).expand(shape).contiguous()};
}

Tensors range(const Node& n) {
  const DType dtype = n.in(0).dtype();
  const double start = n.number(0, 0), limit = n.number(1, 0), delta = n.number(2, 1);
  if (!(delta != 0) || !((limit - start) / delta < 1e12))
    raise<IoError>("from {} to {} by {}", start, limit, delta);
  return {arange(start, (limit - start) / delta > 0 ? limit : start, delta, dtype)};
}

Tensors eye_like(const Node& n) {
  const Tensor& x = n.in(0);
  if (x.dim() != 2) raise<ShapeError>("{} is no matrix", x.shape().str());
  const DType dtype = n.given("dtype") ? dtype_of_onnx(n.integer("dtype", 1)) : x.dtype();
  const Tensor rows = arange(x.size(0)).unsqueeze(1), columns = arange(x.size(1)).unsqueeze(0);
  return {eq(rows + n.integer("k", 0), columns).to(dtype)};
}

Tensors triangle(const Node& n) {
  const Tensor& x = n.in(0);
  if (x.dim() < 2) raise<ShapeError>("{} has no matrices", x.shape().str());
  // Beyond the matrix every diagonal is as the next one.
  const int64_t k = std::clamp(n.whole(1, 0), -x.size(-2) - 1, x.size(-1) + 1);
  return {n.integer("upper", 1) ? triu(x, k) : tril(x, k)};
}

// (n, c, h, w) with c = b b c' to (n, c', h b, w b).
Tensors depth_to_space(const Node& n) {
  const Tensor& x = n.in(0);
  const int64_t b = n.integer("blocksize", 0);
  if (x.dim() != 4 || b < 1 || b > (1 << 20) || x.size(1) % (b * b) != 0)
    raise<ShapeError>("blocks of {} do not fit {}", b, x.shape().str());
  const int64_t batch = x.size(0), c = x.size(1) / (b * b), h = x.size(2), w = x.size(3);
  const Tensor y = n.text("mode", "DCR") == "CRD"
                       ? x.reshape({batch, c, b, b, h, w}).permute({0, 1, 4, 2, 5, 3})
                       : x.reshape({batch, b, b, c, h, w}).permute({0, 3, 4, 1, 5, 2});
  return {y.reshape({batch, c, h * b, w * b})};
}

Tensors space_to_depth(const Node& n) {
  const Tensor& x = n.in(0);
  const int64_t b = n.integer("blocksize", 0);
  if (x.dim() != 4 || b < 1 || x.size(2) % b != 0 || x.size(3) % b != 0)
    raise<ShapeError>("blocks of {} do not fit {}", b, x.shape().str());
  const int64_t batch = x.size(0), c = x.size(1), h = x.size(2) / b, w = x.size(3) / b;
  return {x.reshape({batch, c, h, b, w, b})
              .permute({0, 3, 5, 1, 2, 4})
              .reshape({batch, c * b * b, h, w})};
}

const OpRow kRows[] = {
    {"Reshape", 1, reshape},
    {"Shape", 1, shape_of},
    {"Size", 1, size_of},
    {"Flatten", 1, flatten},
    {"Transpose", 1, transpose},
    {"Concat", 4, concat},
    {"Split", 2, split_of},
    {"Slice", 1, slice},
    {"Squeeze", 1, squeeze},
    {"Unsqueeze", 1, unsqueeze},
    {"Expand", 8, expand},
    {"Tile", 6, tile},
    {"Pad", 2, pad_of},
    {"Constant", 1, constant},
    {"ConstantOfShape", 9, constant_of_shape},
    {"Range", 11, range},
    {"EyeLike", 9, eye_like},
    {"Trilu", 14, triangle},
    {"DepthToSpace", 1, depth_to_space},
    {"SpaceToDepth", 1, space_to_depth},
};

}  // namespace

std::span<const OpRow> shape_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
