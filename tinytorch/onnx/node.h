#pragma once
// A node of a graph, free of protobuf: what the rows of the operator tables see. To add an operator
// write a row (rows_*.cpp): its name, the first opset with these semantics, a function of a Node.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/core/format.h"
#include "tinytorch/core/tensor.h"
#include "tinytorch/onnx/model.h"

namespace tinytorch::onnx {

struct Attribute {
  enum class Kind : uint8_t { kInt, kFloat, kText, kTensor, kInts, kFloats, kTexts, kOther };
  std::string name;
  Kind kind = Kind::kOther;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  Tensor tensor;
  std::vector<int64_t> integers;
  std::vector<double> reals;
  std::vector<std::string> texts;
};

using Tensors = std::vector<Tensor>;
using Numbers = std::vector<int64_t>;

// One run of a node: its attributes and the values of its inputs.
class Node {
 public:
  Node(std::span<const Attribute> attributes, std::span<const Tensor> inputs, int64_t opset,
       int outputs)
      : attributes_(attributes), inputs_(inputs), opset_(opset), outputs_(outputs) {}

  int64_t opset() const { return opset_; }
  int outputs() const { return outputs_; }  // how many the graph names
  int count() const { return static_cast<int>(inputs_.size()); }
  bool has(int i) const { return i < count() && inputs_[static_cast<size_t>(i)].defined(); }
  const Tensor& in(int i) const;  // IoError when it is left out
  Tensor maybe(int i) const { return has(i) ? inputs_[static_cast<size_t>(i)] : Tensor(); }
  std::span<const Tensor> all() const { return inputs_; }
  Numbers numbers(int i) const;                  // an input of integers (axes, sizes), 0-d or 1-d
  int64_t whole(int i, int64_t fallback) const;  // an input of one whole number
  double number(int i, double fallback) const;   // an input of one number, converted

  bool given(std::string_view name) const { return find(name) != nullptr; }
  int64_t integer(std::string_view name, int64_t fallback) const;
  double real(std::string_view name, double fallback) const;
  std::string text(std::string_view name, const char* fallback) const;
  Numbers integers(std::string_view name) const;
  std::vector<double> reals(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  Tensor tensor(std::string_view name) const;
  // Sizes that operators took as an attribute and take as an input since a later opset.
  bool has_numbers(std::string_view attribute, int input) const {
    return given(attribute) || has(input);
  }
  Numbers either(std::string_view attribute, int input) const {
    return given(attribute) ? integers(attribute) : numbers(input);
  }

 private:
  const Attribute* find(std::string_view name) const;
  const Attribute* find(std::string_view name, Attribute::Kind kind, const char* what) const;
  std::span<const Attribute> attributes_;
  std::span<const Tensor> inputs_;
  int64_t opset_;
  int outputs_;
};

struct OpRow {
  const char* op;
  int since;  // the first opset with these semantics; the row with the highest that fits is taken
  Tensors (*run)(const Node&);
};

std::span<const OpRow> math_rows();
std::span<const OpRow> logic_rows();
std::span<const OpRow> reduce_rows();
std::span<const OpRow> shape_rows();
std::span<const OpRow> index_rows();
std::span<const OpRow> nn_rows();
std::span<const OpRow> recurrent_rows();
std::span<const OpRow> pool_rows();
std::span<const OpRow> norm_rows();
std::span<const OpRow> loss_rows();
std::span<const OpRow> resize_rows();

// The row of an operator in an opset; Unsupported.
const OpRow& find_row(const std::string& op, int64_t opset);

// Dtypes by ONNX's numbers; Unsupported with its name for those we do not have.
DType dtype_of_onnx(int64_t type);
int onnx_of_dtype(DType dtype);

// ---- what several rows need
int axis_of(const Node& node, int64_t axis, int rank);  // [-rank, rank) to [0, rank)
inline Shape to_shape(const Numbers& sizes) {
  return Shape(std::span<const int64_t>(sizes));
}
Tensor permuted(const Tensor& x, const Numbers& order);
// Element by element in plain loops, for what has no operation of its own. In double; the result
// has x's dtype (integers are rounded towards zero).
Tensor map(const Tensor& x, double (*f)(double));
Tensor map(const Tensor& a, const Tensor& b, DType out, double (*f)(double, double));

}  // namespace tinytorch::onnx
