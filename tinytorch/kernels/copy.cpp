// Copies with conversion, row by row; the tables of copy and fill.
#include <algorithm>
#include <type_traits>

#include "tinytorch/kernels/walk.h"

namespace tinytorch::kernels {

namespace {

template <class Y, class X>
Y convert(X x) {
  if constexpr (std::is_same_v<X, BFloat16>)
    return convert<Y>(static_cast<float>(x));
  else if constexpr (std::is_same_v<Y, BFloat16>)
    return BFloat16(static_cast<float>(x));
  else if constexpr (std::is_same_v<Y, bool>)
    return x != 0;
  else
    return static_cast<Y>(x);
}

// Operand 0 is y, operand 1 is x.
template <class Y, class X>
void convert_row(char* const* data, const int64_t* step, int64_t n, const void* /*params*/) {
  if (step[0] == sizeof(Y) && step[1] == sizeof(X)) {  // so that the compiler vectorizes
    Y* y = reinterpret_cast<Y*>(data[0]);
    const X* x = reinterpret_cast<const X*>(data[1]);
    for (int64_t i = 0; i < n; ++i) y[i] = convert<Y>(x[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    *reinterpret_cast<Y*>(data[0] + i * step[0]) =
        convert<Y>(*reinterpret_cast<const X*>(data[1] + i * step[1]));
}

// In the order of DType.
template <class Y>
constexpr RowFn kConvertTo[] = {convert_row<Y, bool>,    convert_row<Y, uint8_t>,
                                convert_row<Y, int8_t>,  convert_row<Y, int32_t>,
                                convert_row<Y, int64_t>, convert_row<Y, BFloat16>,
                                convert_row<Y, float>,   convert_row<Y, double>};
constexpr const RowFn* kConvert[] = {kConvertTo<bool>,    kConvertTo<uint8_t>, kConvertTo<int8_t>,
                                     kConvertTo<int32_t>, kConvertTo<int64_t>, kConvertTo<BFloat16>,
                                     kConvertTo<float>,   kConvertTo<double>};

void same_dtype_row(char* const* data, const int64_t* step, int64_t n, const void* params) {
  loops::copy_row(data, step, n, *static_cast<const int64_t*>(params));
}

Strides in_bytes(Strides stride, int64_t item) {
  for (int64_t& s : stride) s *= item;
  return stride;
}

template <class T>
void fill_row(char* const* data, const int64_t* step, int64_t n, const void* value) {
  const T v = *static_cast<const T*>(value);
  if (step[0] == sizeof(T))
    std::fill_n(reinterpret_cast<T*>(data[0]), n, v);
  else
    for (int64_t i = 0; i < n; ++i) *reinterpret_cast<T*>(data[0] + i * step[0]) = v;
}

}  // namespace

namespace loops {
void copy(const CopyArgs& args) {
  const auto y_item = static_cast<int64_t>(item_size(args.y_dtype));
  const auto x_item = static_cast<int64_t>(item_size(args.x_dtype));
  WalkArgs walk_args;
  walk_args.operands = 2;
  walk_args.shape = args.shape;
  walk_args.data[0] = static_cast<char*>(args.y);
  walk_args.data[1] = static_cast<char*>(const_cast<void*>(args.x));  // only read
  walk_args.stride[0] = in_bytes(args.y_stride, y_item);
  walk_args.stride[1] = in_bytes(args.x_stride, x_item);
  if (args.x_dtype == args.y_dtype) {
    walk_args.row = same_dtype_row;
    walk_args.params = &y_item;
  } else {
    walk_args.row = kConvert[static_cast<int>(args.y_dtype)][static_cast<int>(args.x_dtype)];
  }
  parallel_walk(walk_args, 0.05 * static_cast<double>(x_item + y_item));
}
}  // namespace loops

void fill(const FillArgs& args) {
  const auto item = static_cast<int64_t>(item_size(args.dtype));
  WalkArgs walk_args;
  walk_args.operands = 1;
  walk_args.shape = args.shape;
  walk_args.data[0] = static_cast<char*>(args.y);
  walk_args.stride[0] = in_bytes(args.y_stride, item);
  walk_args.params = args.value;
  walk_args.row = item == 1   ? fill_row<uint8_t>
                  : item == 2 ? fill_row<uint16_t>
                  : item == 4 ? fill_row<uint32_t>
                              : fill_row<uint64_t>;
  parallel_walk(walk_args, 0.05 * static_cast<double>(item));
}

static const Variant<void(const CopyArgs&)> kCopyVariants[] = {
    {"loops", loops::copy, "the strided walk over rows"},
    {"simd", simd::copy, "flat copies, and transposes through tiles held in registers"},
};
Kernel<void(const CopyArgs&)> copy_kernel("copy", kCopyVariants);
void copy(const CopyArgs& args) {
  copy_kernel(args);
}

}  // namespace tinytorch::kernels
