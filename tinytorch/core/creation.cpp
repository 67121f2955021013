// Making tensors, and reading single numbers out of them.
#include <cmath>
#include <cstring>

#include "tinytorch/core/format.h"
#include "tinytorch/core/memory.h"
#include "tinytorch/core/tensor.h"

namespace tinytorch {

namespace {

// Calls fn with a null pointer of the C++ type of dtype.
template <class Fn>
void with_type(DType dtype, Fn fn) {
  switch (dtype) {
    case DType::kBool:
      return fn(static_cast<bool*>(nullptr));
    case DType::kU8:
      return fn(static_cast<uint8_t*>(nullptr));
    case DType::kI8:
      return fn(static_cast<int8_t*>(nullptr));
    case DType::kI32:
      return fn(static_cast<int32_t*>(nullptr));
    case DType::kI64:
      return fn(static_cast<int64_t*>(nullptr));
    case DType::kBF16:
      return fn(static_cast<BFloat16*>(nullptr));
    case DType::kF32:
      return fn(static_cast<float*>(nullptr));
    case DType::kF64:
      return fn(static_cast<double*>(nullptr));
  }
}

template <class T>
T convert(double v) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return BFloat16(static_cast<float>(v));
  else if constexpr (std::is_same_v<T, bool>)
    return v != 0;
  else
    return static_cast<T>(v);
}
template <class T>
T convert(Scalar s) {
  if constexpr (std::is_same_v<T, int64_t>)
    if (!s.is_floating) return s.integer;
  return convert<T>(s.value);
}

void check_sizes(const Shape& shape, const char* op) {
  for (const int64_t n : shape)
    if (n < 0) raise<ShapeError>("{}: shape {} has a negative size.", op, shape.str());
}

}  // namespace

Tensor empty(const Shape& shape, DType dtype, MemoryFormat format) {
  check_sizes(shape, "empty");
  int64_t numel = 1;
  for (const int64_t n : shape)
    if (__builtin_mul_overflow(numel, n, &numel) || numel > (int64_t{1} << 48))
      raise<ShapeError>("empty: shape {} has too many elements.", shape.str());
  if (format == MemoryFormat::kChannelsLast && shape.rank() != 4)
    raise<ShapeError>("empty: channels_last needs 4 dimensions (n, c, h, w), got {}.", shape.str());
  const Strides strides = format == MemoryFormat::kChannelsLast ? channels_last_strides(shape)
                                                                : contiguous_strides(shape);
  return make_tensor(Storage::allocate(static_cast<size_t>(numel) * item_size(dtype)), dtype,
                     {shape, strides, 0});
}

Tensor empty_like(const Tensor& x, DType dtype) {
  if (x.is_contiguous() || !x.is_dense()) return empty(x.shape(), dtype);
  return make_tensor(Storage::allocate(static_cast<size_t>(x.numel()) * item_size(dtype)), dtype,
                     {x.shape(), x.strides(), 0});
}
Tensor empty_like(const Tensor& x) {
  return empty_like(x, x.dtype());
}

Tensor zeros(const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype);
  std::memset(t.raw_data(), 0, static_cast<size_t>(t.numel()) * item_size(dtype));
  pin(t.storage());
  return t;
}

Tensor full(const Shape& shape, Scalar value, DType dtype) {
  Tensor t = empty(shape, dtype);
  with_type(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    std::fill_n(t.data<T>(), t.numel(), convert<T>(value));
  });
  pin(t.storage());
  return t;
}
Tensor ones(const Shape& shape, DType dtype) {
  return full(shape, 1, dtype);
}
Tensor scalar_tensor(Scalar value, DType dtype) {
  return full({}, value, dtype);
}

Tensor arange(double start, double end, double step, DType dtype) {
  if (step == 0 || !std::isfinite(start) || !std::isfinite(end))
    raise<ConfigError>("arange: start {}, end {} and step {} give no sequence.", start, end, step);
  const double count = std::ceil((end - start) / step);
  Tensor t = empty({count > 0 ? static_cast<int64_t>(count) : 0}, dtype);
  with_type(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    T* p = t.data<T>();
    for (int64_t i = 0; i < t.numel(); ++i)
      p[i] = convert<T>(start + static_cast<double>(i) * step);
  });
  pin(t.storage());
  return t;
}
Tensor arange(int64_t end) {
  return arange(0, static_cast<double>(end), 1, DType::kI64);
}

Tensor eye(int64_t n, DType dtype) {
  Tensor t = zeros({n, n}, dtype);
  with_type(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for (int64_t i = 0; i < n; ++i) t.data<T>()[i * n + i] = convert<T>(1.0);
  });
  pin(t.storage());
  return t;
}

Tensor from_bytes(const void* bytes, const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype);
  if (t.numel() > 0)
    std::memcpy(t.raw_data(), bytes, static_cast<size_t>(t.numel()) * item_size(dtype));
  pin(t.storage());
  return t;
}

Tensor Tensor::of(std::initializer_list<double> values, std::optional<Shape> shape, DType dtype) {
  const Shape s = shape ? *shape : Shape{static_cast<int64_t>(values.size())};
  if (s.product() != static_cast<int64_t>(values.size()))
    raise<ShapeError>("Tensor::of: {} values do not fill shape {}.", values.size(), s.str());
  Tensor t = empty(s, dtype);
  with_type(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    T* p = t.data<T>();
    for (const double v : values) *p++ = convert<T>(v);
  });
  pin(t.storage());
  return t;
}

int64_t Tensor::size(int64_t d) const {
  return shape()[normalize_dim(d, dim(), "size")];
}

double Tensor::item_as_double() const {
  refuse_plan("a number is read out of a tensor");
  if (numel() != 1)
    raise<ShapeError>(
        "item: a tensor of shape {} has {} elements; only one can be read as a number. Hint: index "
        "it, or reduce it with sum() or mean().",
        shape().str(), numel());
  double value = 0;
  with_type(dtype(), [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    if constexpr (std::is_same_v<T, BFloat16>)
      value = static_cast<float>(*data<T>());
    else
      value = static_cast<double>(*data<T>());
  });
  return value;
}

int64_t Tensor::item_as_int() const {
  refuse_plan("a number is read out of a tensor");
  if (dtype() == DType::kI64 && numel() == 1) return *data<int64_t>();
  return static_cast<int64_t>(item_as_double());
}

void Tensor::wrong_data_type(DType asked) const {
  raise<DTypeError>("data<{}>: this tensor of shape {} holds {}. Hint: to(DType) converts.",
                    dtype_name(asked), shape().str(), dtype_name(dtype()));
}

}  // namespace tinytorch
