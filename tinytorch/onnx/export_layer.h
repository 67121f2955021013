#pragma once
// What a row of the export tables sees: one layer, and what comes into it. Internal to
// export_*.cpp. To export a kind of module write a function of a Layer and name it in a table.
#include <span>

#include "tinytorch/core/format.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/onnx/graph_builder.h"

namespace tinytorch::onnx {

struct Layer {
  GraphBuilder& b;
  const nn::Module& m;
  const std::string& path;
  const Value& x;

  template <class M>
  const M& as() const {
    return dynamic_cast<const M&>(m);
  }
  std::string at(const std::string& name) const { return path.empty() ? name : path + "." + name; }
  std::string node(const char* op, const std::vector<std::string>& inputs,
                   const std::vector<Attribute>& attributes = {}) const {
    return b.node(path, op, inputs, attributes);
  }
  Value like(std::string name) const { return {std::move(name), x.rank}; }
  const nn::Module* find(const char* name) const {
    for (const auto& [child_name, child] : m.children())
      if (child_name == name) return child.get();
    return nullptr;
  }
  Value child(const char* name, const Value& in) const {
    return write_module(b, *find(name), at(name), in);
  }
  [[noreturn]] void refuse(const std::string& why) const {
    raise<ConfigError>("onnx export: layer {} ({}): {}", path.empty() ? "the model" : path,
                       m.kind(), why);
  }
};

struct LayerRow {
  const char* kind;
  Value (*write)(const Layer&);
};
std::span<const LayerRow> activation_layers();
std::span<const LayerRow> norm_layers();
std::span<const LayerRow> sequence_layers();  // attention, transformers, recurrent layers

std::string gelu_of(const Layer& l, GeluForm form);

}  // namespace tinytorch::onnx
