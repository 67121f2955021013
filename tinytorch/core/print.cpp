// Tensor::str: the text PyTorch gives. Its rules: four digits after the point; floats that are all
// whole print as "3."; scientific when the sizes differ by more than 1000, or are above 1e8 or
// (unless whole) below 1e-4; all elements in one width; above 1000 elements only the first and last
// three of each dimension; lines of 80 characters.
#include <algorithm>
#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/core/tensor.h"

namespace tinytorch {

namespace {

constexpr int64_t kThreshold = 1000, kEdge = 3;
constexpr int kLineWidth = 80, kDigits = 4;
constexpr std::string_view kPrefix = "tensor(";

class Printer {
 public:
  explicit Printer(const Tensor& x)
      : x_(x), floating_(is_floating(x.dtype())), summarize_(x.numel() > kThreshold) {
    if (floating_) choose_format();
    for_each_shown(0, x_.storage_offset(), [&](int64_t at) { widen(at); });
  }

  std::string text() const { return tensor(0, x_.storage_offset(), kPrefix.size()); }

 private:
  // ---- elements, by offset in the storage
  template <class T>
  T load(int64_t at) const {
    return static_cast<const T*>(x_.raw_data())[at - x_.storage_offset()];
  }
  double real(int64_t at) const {
    if (x_.dtype() == DType::kF64) return load<double>(at);
    if (x_.dtype() == DType::kF32) return load<float>(at);
    return static_cast<double>(static_cast<float>(load<BFloat16>(at)));
  }
  int64_t integer(int64_t at) const {
    switch (x_.dtype()) {
      case DType::kU8:
        return load<uint8_t>(at);
      case DType::kI8:
        return load<int8_t>(at);
      case DType::kI32:
        return load<int32_t>(at);
      default:
        return load<int64_t>(at);
    }
  }
  std::string element(int64_t at) const {
    if (x_.dtype() == DType::kBool) return load<bool>(at) ? "True" : "False";
    if (!floating_) return std::to_string(integer(at));
    const double v = real(at);
    if (scientific_) return format_text("{:.{}e}", v, kDigits);
    if (!whole_) return format_text("{:.{}f}", v, kDigits);
    return format_text("{:.0f}{}", v, std::isfinite(v) ? "." : "");
  }
  std::string padded(int64_t at) const { return format_text("{:>{}}", element(at), width_); }

  // ---- which elements are shown
  bool shortened(int dim) const { return summarize_ && x_.shape()[dim] > 2 * kEdge; }
  template <class Fn>
  void for_each_index(int dim, Fn fn) const {
    const int64_t n = x_.shape()[dim];
    for (int64_t i = 0; i < n; ++i) {
      if (i == kEdge && shortened(dim)) i = n - kEdge;
      fn(i);
    }
  }
  template <class Fn>
  void for_each_shown(int dim, int64_t at, const Fn& fn) const {
    if (dim == x_.dim()) return fn(at);
    for_each_index(dim,
                   [&](int64_t i) { for_each_shown(dim + 1, at + i * x_.strides()[dim], fn); });
  }

  // ---- the common form
  void choose_format() {
    double least = INFINITY, most = 0;
    for_each_shown(0, x_.storage_offset(), [&](int64_t at) {
      const double v = real(at);
      if (v == 0 || !std::isfinite(v)) return;
      least = std::min(least, std::fabs(v));
      most = std::max(most, std::fabs(v));
      whole_ = whole_ && v == std::ceil(v);
    });
    if (most == 0) return;  // zeros, NaN and infinities only
    has_numbers_ = true;
    scientific_ = most / least > 1000 || most > 1e8 || (!whole_ && least < 1e-4);
  }
  void widen(int64_t at) {
    if (floating_) {
      const double v = real(at);
      if (!has_numbers_ || v == 0 || !std::isfinite(v)) return;  // as PyTorch: they take what is
    }
    width_ = std::max(width_, element(at).size());
  }

  // ---- brackets
  std::string tensor(int dim, int64_t at, size_t indent) const {
    if (dim == x_.dim()) return padded(at);
    if (dim == x_.dim() - 1) return row(at, indent);
    const size_t blank_lines = static_cast<size_t>(x_.dim() - dim - 1);
    std::string separator =
        ",";  // appended to: g++ 12 sees an overlap in `"," + string` that cannot be
    separator.append(blank_lines, '\n').append(indent + 1, ' ');
    std::string out = "[";
    for_each_index(dim, [&](int64_t i) {
      if (i > 0) out += separator;
      if (i > 0 && shortened(dim) && i == x_.shape()[dim] - kEdge) out += "..." + separator;
      out += tensor(dim + 1, at + i * x_.strides()[dim], indent + 1);
    });
    return out + "]";
  }
  std::string row(int64_t at, size_t indent) const {
    const int dim = x_.dim() - 1;
    const int room = kLineWidth - static_cast<int>(indent);
    const int per_line = std::max(1, room / static_cast<int>(width_ + 2));
    std::string out = "[";
    int printed = 0;
    const auto put = [&](const std::string& text) {
      if (printed > 0 && printed % per_line == 0)
        out.append(",\n").append(indent + 1, ' ');
      else if (printed > 0)
        out += ", ";
      out += text;
      ++printed;
    };
    for_each_index(dim, [&](int64_t i) {
      if (shortened(dim) && i == x_.shape()[dim] - kEdge) put(" ...");
      put(padded(at + i * x_.strides()[dim]));
    });
    return out + "]";
  }

  const Tensor& x_;
  bool floating_, summarize_;
  bool whole_ = true, scientific_ = false, has_numbers_ = false;
  size_t width_ = 1;
};

// What is not the default: size of an empty tensor, dtype, place in the graph.
std::vector<std::string> suffixes(const Tensor& x) {
  std::vector<std::string> out;
  const bool empty = x.numel() == 0;
  if (empty && x.dim() != 1) {
    std::string sizes = x.shape().str();
    sizes.front() = '(';
    sizes.back() = ')';
    out.push_back("size=" + sizes);
  }
  const DType d = x.dtype();
  if (d != DType::kF32 && (empty || (d != DType::kI64 && d != DType::kBool)))
    out.push_back(std::string("dtype=") + dtype_name(d));
  if (x.requires_grad() && x.is_leaf())
    out.emplace_back("requires_grad=True");
  else if (x.requires_grad())
    out.push_back(std::string("grad_fn=<") + x.base()->grad_fn->name() + ">");
  return out;
}

}  // namespace

std::string Tensor::str() const {
  if (!defined()) return "tensor(undefined)";
  std::string out(kPrefix);
  out += numel() == 0 ? "[]" : Printer(*this).text();
  const size_t last_break = out.rfind('\n');
  size_t line = last_break == out.npos ? out.size() + 2 : out.size() - last_break + 1;
  for (const std::string& suffix : suffixes(*this)) {
    const bool wraps = line + suffix.size() + 2 > kLineWidth;
    out += (wraps ? ",\n" + std::string(kPrefix.size(), ' ') : ", ") + suffix;
    line = wraps ? kPrefix.size() + suffix.size() : line + suffix.size() + 2;
  }
  return out + ")";
}

}  // namespace tinytorch
