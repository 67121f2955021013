#include "tinytorch/onnx/proto.h"

#include <bit>

#include "tinytorch/core/format.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::onnx {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

namespace {

// The values of a typed field. ONNX keeps small types in int32_data, bfloat16 as bits.
template <class T, class Field>
Tensor from_field(const Field& field, const Shape& shape, const char* name) {
  if (field.size() != shape.product())
    raise<IoError>("{} has {} values for shape {}", name, field.size(), shape.str());
  const Tensor x = empty(shape, dtype_of<T>);
  T* to = x.data<T>();
  for (const auto& v : field) {
    if constexpr (std::is_same_v<T, BFloat16>)
      to->bits = static_cast<uint16_t>(v);
    else if constexpr (std::is_same_v<T, bool>)
      *to = v != 0;
    else
      *to = static_cast<T>(v);
    ++to;
  }
  return x;
}

Tensor from_raw(const std::string& raw, const Shape& shape, DType dtype) {
  const auto expected = static_cast<size_t>(shape.product()) * item_size(dtype);
  if (raw.size() != expected)
    raise<IoError>("raw_data has {} bytes; {} {} needs {}", raw.size(), dtype_name(dtype),
                   shape.str(), expected);
  if (dtype == DType::kBool && data::first_bad_bool(data::as_bytes(raw)))
    raise<IoError>("raw_data holds a byte that is no bool");
  return from_bytes(raw.data(), shape, dtype);
}

Tensor values_of(const ::onnx::TensorProto& p) {
  const DType dtype = dtype_of_onnx(p.data_type());
  if (p.data_location() == ::onnx::TensorProto::EXTERNAL || p.external_data_size() > 0)
    raise<IoError>(
        "the values are in another file, which is not read. Hint: save the model with its weights "
        "inside");
  if (p.has_segment()) raise<IoError>("the values are split into segments, which is not read");
  if (p.dims_size() > kMaxDims)
    raise<Unsupported>("{} dimensions: we have at most {}", p.dims_size(), kMaxDims);
  const std::span<const int64_t> sizes(p.dims().data(), static_cast<size_t>(p.dims_size()));
  if (!data::array_bytes(sizes, item_size(dtype)))
    raise<IoError>("dims [{}] are no shape", joined(p.dims()));
  const Shape shape(sizes);
  if (p.has_raw_data()) return from_raw(p.raw_data(), shape, dtype);
  switch (dtype) {
    case DType::kF32:
      return from_field<float>(p.float_data(), shape, "float_data");
    case DType::kF64:
      return from_field<double>(p.double_data(), shape, "double_data");
    case DType::kI64:
      return from_field<int64_t>(p.int64_data(), shape, "int64_data");
    case DType::kI32:
      return from_field<int32_t>(p.int32_data(), shape, "int32_data");
    case DType::kI8:
      return from_field<int8_t>(p.int32_data(), shape, "int32_data");
    case DType::kU8:
      return from_field<uint8_t>(p.int32_data(), shape, "int32_data");
    case DType::kBool:
      return from_field<bool>(p.int32_data(), shape, "int32_data");
    case DType::kBF16:
      return from_field<BFloat16>(p.int32_data(), shape, "int32_data");
  }
  raise<IoError>("element type {}", p.data_type());
}

}  // namespace

Tensor from_proto(const ::onnx::TensorProto& p) {
  try {
    return values_of(p);
  } catch (const Unsupported& e) {
    raise<Unsupported>("tensor '{}': {}", p.name(), e.what());
  } catch (const IoError& e) {
    raise<IoError>("tensor '{}': {}", p.name(), e.what());
  }
}

void to_proto(const Tensor& x, const std::string& name, ::onnx::TensorProto* p) {
  const Tensor dense = x.contiguous();
  p->set_name(name);
  p->set_data_type(onnx_of_dtype(x.dtype()));
  for (const int64_t size : x.shape()) p->add_dims(size);
  p->set_raw_data(dense.raw_data(), static_cast<size_t>(x.numel()) * item_size(x.dtype()));
}

Attribute from_proto(const ::onnx::AttributeProto& p) {
  using Proto = ::onnx::AttributeProto;
  Attribute a;
  a.name = p.name();
  switch (p.type()) {
    case Proto::INT:
      a.kind = Attribute::Kind::kInt;
      a.integer = p.i();
      break;
    case Proto::FLOAT:
      a.kind = Attribute::Kind::kFloat;
      a.real = p.f();
      break;
    case Proto::STRING:
      a.kind = Attribute::Kind::kText;
      a.text = p.s();
      break;
    case Proto::TENSOR:
      a.kind = Attribute::Kind::kTensor;
      a.tensor = from_proto(p.t());
      break;
    case Proto::INTS:
      a.kind = Attribute::Kind::kInts;
      a.integers.assign(p.ints().begin(), p.ints().end());
      break;
    case Proto::FLOATS:
      a.kind = Attribute::Kind::kFloats;
      a.reals.assign(p.floats().begin(), p.floats().end());
      break;
    case Proto::STRINGS:
      a.kind = Attribute::Kind::kTexts;
      a.texts.assign(p.strings().begin(), p.strings().end());
      break;
    default:
      break;
  }
  return a;
}

ValueInfo from_proto(const ::onnx::ValueInfoProto& p) {
  ValueInfo v;
  v.name = p.name();
  using Type = ::onnx::TypeProto;
  if (p.type().value_case() != Type::kTensorType) {
    const char* what = "no type";
    switch (p.type().value_case()) {
      case Type::kSequenceType:
        what = "a sequence";
        break;
      case Type::kMapType:
        what = "a map";
        break;
      case Type::kOptionalType:
        what = "an optional";
        break;
      case Type::kSparseTensorType:
        what = "a sparse tensor";
        break;
      default:
        break;
    }
    raise<Unsupported>("'{}' is {}: only tensors are ours", v.name, what);
  }
  const auto& type = p.type().tensor_type();
  try {
    v.dtype = dtype_of_onnx(type.elem_type());
  } catch (const Unsupported& e) {
    raise<Unsupported>("'{}': {}", v.name, e.what());
  }
  v.has_shape = type.has_shape();
  for (const auto& d : type.shape().dim())
    v.sizes.push_back(d.has_dim_value() ? d.dim_value() : -1);
  return v;
}

}  // namespace tinytorch::onnx
