#include "tinytorch/onnx/graph_builder.h"

#include "tinytorch/core/format.h"

namespace tinytorch::onnx {

std::string GraphBuilder::fresh(const std::string& wish) {
  const int before = names_[wish]++;
  return before == 0 ? wish : fresh(wish + "_" + std::to_string(before));
}

std::vector<std::string> GraphBuilder::node(const std::string& path, const char* op,
                                            const std::vector<std::string>& inputs,
                                            const std::vector<Attribute>& attributes, int outputs) {
  ::onnx::NodeProto* node = graph_.add_node();
  const std::string name = fresh(path.empty() ? op : format_text("{}/{}", path, op));
  node->set_name(name);
  node->set_op_type(op);
  for (const std::string& input : inputs) node->add_input(input);
  for (const Attribute& a : attributes) {
    ::onnx::AttributeProto* p = node->add_attribute();
    p->set_name(a.name);
    if (a.kind == Attribute::Kind::kInt) {
      p->set_type(::onnx::AttributeProto::INT);
      p->set_i(a.integer);
    } else if (a.kind == Attribute::Kind::kFloat) {
      p->set_type(::onnx::AttributeProto::FLOAT);
      p->set_f(static_cast<float>(a.real));
      if (dtype_ == DType::kF64 && double{p->f()} != a.real)
        rounded_.push_back(format_text("{} ({} {})", path, op, a.name));
    } else if (a.kind == Attribute::Kind::kText) {
      p->set_type(::onnx::AttributeProto::STRING);
      p->set_s(a.text);
    } else if (a.kind == Attribute::Kind::kTexts) {
      p->set_type(::onnx::AttributeProto::STRINGS);
      for (const std::string& text : a.texts) p->add_strings(text);
    } else {
      p->set_type(::onnx::AttributeProto::INTS);
      for (const int64_t v : a.integers) p->add_ints(v);
    }
  }
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) {
    names.push_back(outputs == 1 ? name : format_text("{}:{}", name, i));
    node->add_output(names.back());
  }
  return names;
}

std::string GraphBuilder::node(const std::string& path, const char* op,
                               const std::vector<std::string>& inputs,
                               const std::vector<Attribute>& attributes) {
  return node(path, op, inputs, attributes, 1).front();
}

std::string GraphBuilder::constant(const std::string& name, const Tensor& x) {
  to_proto(x, name, graph_.add_initializer());
  return name;
}

std::string GraphBuilder::weight(const Tensor& x, const std::string& name) {
  const auto [found, is_new] = weights_.emplace(x.raw_data(), name);
  if (is_new) constant(fresh(name), x);
  return found->second;
}

std::string GraphBuilder::number(double value) {
  const std::string name = format_text("number:{}", value);
  return names_[name]++ ? name : constant(name, scalar_tensor(value, dtype_));
}

std::string GraphBuilder::integers(const std::vector<int64_t>& list, bool scalar) {
  const std::string name = format_text("{}:{}", scalar ? "index" : "sizes", joined(list, ","));
  const Shape shape = scalar ? Shape() : Shape{static_cast<int64_t>(list.size())};
  return names_[name]++ ? name : constant(name, from_vector(list, shape));
}

}  // namespace tinytorch::onnx
