#pragma once
// Writing a graph: values, nodes, weights. Internal to export*.cpp.
#include <map>

#include "tinytorch/nn/module.h"
#include "tinytorch/onnx/proto.h"

namespace tinytorch::onnx {

// A value of the graph that is written.
struct Value {
  std::string name;
  int rank = 0;
};

class GraphBuilder {
 public:
  GraphBuilder(::onnx::ModelProto& model, DType dtype)
      : graph_(*model.mutable_graph()), dtype_(dtype) {}

  // A node with one output, named after the layer at `path`.
  std::string node(const std::string& path, const char* op, const std::vector<std::string>& inputs,
                   const std::vector<Attribute>& attributes = {});
  std::vector<std::string> node(const std::string& path, const char* op,
                                const std::vector<std::string>& inputs,
                                const std::vector<Attribute>& attributes, int outputs);
  // The name of a tensor in the file: `name` the first time, the same for the same tensor again.
  std::string weight(const Tensor& x, const std::string& name);
  // A tensor that was made for the file (weights in another order), under a free name.
  std::string made_weight(const Tensor& x, const std::string& name) {
    return constant(fresh(name), x);
  }
  std::string number(double value);  // 0-d, of the model's dtype
  std::string integers(const std::vector<int64_t>& list, bool scalar = false);
  DType dtype() const { return dtype_; }
  int64_t nodes() const { return graph_.node_size(); }
  // Layers with a number that the file holds as float32 only: attributes have no other type. In f64
  // their results are those of the rounded number.
  const std::vector<std::string>& rounded_layers() const { return rounded_; }

 private:
  std::string fresh(const std::string& wish);
  std::string constant(const std::string& name, const Tensor& x);
  ::onnx::GraphProto& graph_;
  DType dtype_;
  std::map<std::string, int> names_;
  std::vector<std::string> rounded_;
  std::map<const void*, std::string> weights_;  // by storage
};

inline Attribute integer_of(const char* name, int64_t value) {
  Attribute a;
  a.name = name;
  a.kind = Attribute::Kind::kInt;
  a.integer = value;
  return a;
}
inline Attribute real_of(const char* name, double value) {
  Attribute a;
  a.name = name;
  a.kind = Attribute::Kind::kFloat;
  a.real = value;
  return a;
}
inline Attribute text_of(const char* name, std::string value) {
  Attribute a;
  a.name = name;
  a.kind = Attribute::Kind::kText;
  a.text = std::move(value);
  return a;
}
inline Attribute texts_of(const char* name, std::vector<std::string> values) {
  Attribute a;
  a.name = name;
  a.kind = Attribute::Kind::kTexts;
  a.texts = std::move(values);
  return a;
}
inline Attribute integers_of(const char* name, std::vector<int64_t> values) {
  Attribute a;
  a.name = name;
  a.kind = Attribute::Kind::kInts;
  a.integers = std::move(values);
  return a;
}

// Writes a module and everything below it; gives its result.
Value write_module(GraphBuilder& b, const nn::Module& m, const std::string& path, const Value& x);

}  // namespace tinytorch::onnx
