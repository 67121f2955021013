#include "tinytorch/onnx/windows.h"

#include <algorithm>

#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

constexpr int64_t kMost = int64_t{1} << 24;  // of a kernel's size, a stride, a padding

Numbers sizes_of(const Node& node, const char* name, size_t count, int64_t least,
                 int64_t fallback) {
  Numbers given = node.integers(name);
  if (given.empty()) return Numbers(count, fallback);
  if (given.size() != count)
    raise<IoError>("{} [{}] are not {} numbers", name, joined(given), count);
  for (const int64_t v : given)
    if (v < least || v > kMost)
      raise<IoError>("{} [{}]: {} is out of range", name, joined(given), v);
  return given;
}

}  // namespace

int64_t Windows::places(int d, int64_t size) const {
  const auto i = static_cast<size_t>(d);
  const int64_t reach = dilation[i] * (kernel[i] - 1) + 1;
  const int64_t room = size + before[i] + after[i] - reach;
  if (room < 0)
    raise<ShapeError>("a kernel that reaches over {} does not fit size {} with padding {} and {}",
                      reach, size, before[i], after[i]);
  return room / stride[i] + 1;
}

Windows read_windows(const Node& node, const Tensor& x, const Numbers& kernel) {
  const size_t n = kernel.size();
  if (n < 1 || x.dim() != static_cast<int>(n) + 2)
    raise<ShapeError>("a kernel of [{}] does not fit {}", joined(kernel), x.shape().str());
  for (const int64_t k : kernel)
    if (k < 1 || k > kMost) raise<IoError>("kernel [{}]: {} is out of range", joined(kernel), k);
  Windows w;
  w.kernel = kernel;
  w.stride = sizes_of(node, "strides", n, 1, 1);
  w.dilation = sizes_of(node, "dilations", n, 1, 1);
  const Numbers pads = sizes_of(node, "pads", 2 * n, 0, 0);
  w.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(n));
  w.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(n), pads.end());
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "NOTSET") return w;
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER" && mode != "VALID")
    raise<IoError>("auto_pad '{}'", mode);
  for (size_t i = 0; i < n; ++i) {
    w.before[i] = w.after[i] = 0;
    if (mode == "VALID") continue;
    const int64_t size = x.size(static_cast<int64_t>(i) + 2);
    const int64_t places = (size + w.stride[i] - 1) / w.stride[i];
    const int64_t reach = w.dilation[i] * (kernel[i] - 1) + 1;
    const int64_t total = std::max<int64_t>((places - 1) * w.stride[i] + reach - size, 0);
    w.before[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    w.after[i] = total - w.before[i];
  }
  return w;
}

Tensor with_padding(const Tensor& x, const Windows& w, double value) {
  Numbers amounts;
  bool any = false;
  for (size_t i = w.kernel.size(); i-- > 0;) {
    amounts.push_back(w.before[i]);
    amounts.push_back(w.after[i]);
    any = any || w.before[i] || w.after[i];
  }
  return any ? pad(x, amounts, value) : x;
}

Tensor at_offset(const Tensor& padded, const Windows& w, const Numbers& offset,
                 const Numbers& places) {
  Tensor y = padded;
  for (size_t i = 0; i < offset.size(); ++i) {
    const int64_t first = offset[i] * w.dilation[i];
    y = y.slice(static_cast<int64_t>(i) + 2, first, first + (places[i] - 1) * w.stride[i] + 1,
                w.stride[i]);
  }
  return y;
}

bool next_offset(Numbers& offset, const Numbers& kernel) {
  for (size_t i = offset.size(); i-- > 0;) {
    if (++offset[i] < kernel[i]) return true;
    offset[i] = 0;
  }
  return false;
}

}  // namespace tinytorch::onnx
