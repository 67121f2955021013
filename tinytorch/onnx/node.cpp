// Nodes, and the helpers of the operators' rows.
#include "tinytorch/onnx/node.h"

#include <array>
#include <cmath>
#include <limits>

#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

const Tensor& Node::in(int i) const {
  if (!has(i)) raise<IoError>("input {} is left out, and is needed", i);
  return inputs_[static_cast<size_t>(i)];
}

Numbers Node::numbers(int i) const {
  const Tensor& x = in(i);
  if (x.dim() > 1 || !is_integral(x.dtype()))
    raise<IoError>("input {} ({} {}) must be a list of integers", i, dtype_name(x.dtype()),
                   x.shape().str());
  return to_vector<int64_t>(x.to(DType::kI64));
}

int64_t Node::whole(int i, int64_t fallback) const {
  if (!has(i)) return fallback;
  const double value = number(i, 0);
  if (!(std::abs(value) < 0x1p53)) raise<IoError>("input {} is {}", i, value);
  return is_floating(in(i).dtype()) ? static_cast<int64_t>(value) : in(i).item_as_int();
}

double Node::number(int i, double fallback) const {
  if (!has(i)) return fallback;
  if (in(i).numel() != 1)
    raise<IoError>("input {} ({}) must be one number", i, in(i).shape().str());
  return in(i).item();
}

const Attribute* Node::find(std::string_view name) const {
  for (const Attribute& a : attributes_)
    if (a.name == name) return &a;
  return nullptr;
}

const Attribute* Node::find(std::string_view name, Attribute::Kind kind, const char* what) const {
  const Attribute* a = find(name);
  if (a && a->kind != kind) raise<IoError>("attribute {} must be {}", name, what);
  return a;
}

int64_t Node::integer(std::string_view name, int64_t fallback) const {
  const Attribute* a = find(name, Attribute::Kind::kInt, "an integer");
  return a ? a->integer : fallback;
}

double Node::real(std::string_view name, double fallback) const {
  const Attribute* a = find(name, Attribute::Kind::kFloat, "a float");
  return a ? a->real : fallback;
}

std::string Node::text(std::string_view name, const char* fallback) const {
  const Attribute* a = find(name, Attribute::Kind::kText, "a text");
  return a ? a->text : fallback;
}

Numbers Node::integers(std::string_view name) const {
  const Attribute* a = find(name, Attribute::Kind::kInts, "a list of integers");
  return a ? a->integers : Numbers();
}

std::vector<double> Node::reals(std::string_view name) const {
  const Attribute* a = find(name, Attribute::Kind::kFloats, "a list of floats");
  return a ? a->reals : std::vector<double>();
}

std::vector<std::string> Node::texts(std::string_view name) const {
  const Attribute* a = find(name, Attribute::Kind::kTexts, "a list of texts");
  return a ? a->texts : std::vector<std::string>();
}

Tensor Node::tensor(std::string_view name) const {
  const Attribute* a = find(name, Attribute::Kind::kTensor, "a tensor");
  return a ? a->tensor : Tensor();
}

const OpRow& find_row(const std::string& op, int64_t opset) {
  const OpRow* best = nullptr;
  int first = std::numeric_limits<int>::max();
  for (const auto& rows :
       {math_rows(), logic_rows(), reduce_rows(), shape_rows(), index_rows(), nn_rows(),
        recurrent_rows(), pool_rows(), norm_rows(), loss_rows(), resize_rows()}) {
    for (const OpRow& row : rows) {
      if (op != row.op) continue;
      first = std::min(first, row.since);
      if (row.since <= opset && (!best || row.since > best->since)) best = &row;
    }
  }
  if (best) return *best;
  if (first != std::numeric_limits<int>::max())
    raise<Unsupported>("operator {} of opset {}: we have it from opset {} on", op, opset, first);
  raise<Unsupported>("operator {}: we do not have it", op);
}

namespace {

struct TypeRow {
  const char* name;
  int dtype;  // -1: not ours
};
// In the order of ONNX's numbers (TensorProto.DataType).
constexpr int as_int(DType d) {
  return static_cast<int>(d);
}
constexpr std::array<TypeRow, 17> kTypes{{{"undefined", -1},
                                          {"float", as_int(DType::kF32)},
                                          {"uint8", as_int(DType::kU8)},
                                          {"int8", as_int(DType::kI8)},
                                          {"uint16", -1},
                                          {"int16", -1},
                                          {"int32", as_int(DType::kI32)},
                                          {"int64", as_int(DType::kI64)},
                                          {"string", -1},
                                          {"bool", as_int(DType::kBool)},
                                          {"float16", -1},
                                          {"double", as_int(DType::kF64)},
                                          {"uint32", -1},
                                          {"uint64", -1},
                                          {"complex64", -1},
                                          {"complex128", -1},
                                          {"bfloat16", as_int(DType::kBF16)}}};

}  // namespace

DType dtype_of_onnx(int64_t type) {
  if (type < 1 || type >= static_cast<int64_t>(kTypes.size()))
    raise<IoError>("there is no element type {}", type);
  const TypeRow& row = kTypes[static_cast<size_t>(type)];
  if (row.dtype < 0) raise<Unsupported>("element type {}: we do not have it", row.name);
  return static_cast<DType>(row.dtype);
}

int onnx_of_dtype(DType dtype) {
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].dtype == as_int(dtype)) return static_cast<int>(i);
  raise<Unsupported>("{} has no ONNX type", dtype_name(dtype));
}

int axis_of(const Node&, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    raise<IoError>("axis {} is out of range for {} dimensions", axis, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Tensor permuted(const Tensor& x, const Numbers& order) {
  const int rank = x.dim();
  std::array<bool, kMaxDims> seen{};
  Layout layout{Shape(), Strides(), x.storage_offset()};
  if (static_cast<int>(order.size()) != rank)
    raise<IoError>("perm [{}] does not fit {}", joined(order), x.shape().str());
  for (const int64_t d : order) {
    if (d < 0 || d >= rank || seen[static_cast<size_t>(d)])
      raise<IoError>("perm [{}] is no permutation of {} dimensions", joined(order), rank);
    seen[static_cast<size_t>(d)] = true;
    layout.shape.push_back(x.shape()[static_cast<int>(d)]);
    layout.strides.push_back(x.strides()[static_cast<int>(d)]);
  }
  return alias(x, layout);
}

Tensor map(const Tensor& x, double (*f)(double)) {
  const Tensor wide = x.to(DType::kF64).contiguous();
  const Tensor y = empty(x.shape(), DType::kF64);
  const double* from = wide.data<double>();
  double* to = y.data<double>();
  for (int64_t i = 0; i < y.numel(); ++i) to[i] = f(from[i]);
  return y.to(x.dtype());
}

Tensor map(const Tensor& a, const Tensor& b, DType out, double (*f)(double, double)) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), "broadcast");
  const Tensor wide_a = a.to(DType::kF64).expand(shape).contiguous();
  const Tensor wide_b = b.to(DType::kF64).expand(shape).contiguous();
  const Tensor y = empty(shape, DType::kF64);
  const double *pa = wide_a.data<double>(), *pb = wide_b.data<double>();
  double* to = y.data<double>();
  for (int64_t i = 0; i < y.numel(); ++i) to[i] = f(pa[i], pb[i]);
  return y.to(out);
}

}  // namespace tinytorch::onnx
