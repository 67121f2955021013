// Module: parameters and children under their names; Sequential. What is built on that, loading,
// saving and hooks, stands in nn/module_state.cpp.
#include "tinytorch/nn/module.h"

#include "tinytorch/nn/fuse.h"

namespace tinytorch::nn {

// tito:begin 2.0
// tito:end 2.0

static bool contains(const NamedTensors& list, const Tensor& tensor) {
  for (const auto& [name, known] : list)
    if (known.is_same(tensor)) return true;
  return false;
}

// Keeps `value` under `name` behind the parameters that are there, as a leaf that wants a gradient.
// The tensor itself is kept and given back: who changes it changes the parameter.
Tensor Module::register_parameter(const std::string& name, Tensor value) {
  check_new_name(name);
  if (!value.defined()) return value;
  revision_ = next_revision();
  // tito:begin 2.6a
  value.set_requires_grad();
  parameters_.emplace_back(name, value);
  return value;
  // tito:end 2.6a
}

// Keeps the child behind those that are there, and tells it its name, which errors cite.
void Module::register_module(const std::string& name, std::shared_ptr<Module> module) {
  check_new_name(name);
  revision_ = next_revision();
  // tito:begin 2.6b
  module->name_ = name;
  children_.emplace_back(name, std::move(module));
  // tito:end 2.6b
}

// visitor(path, module) for this module, then for each child and all below it, in order of
// registration. `path` is this module's; a child's is join(path, its name).
void Module::visit(const std::string& path,
                   const std::function<void(const std::string&, const Module&)>& visitor) const {
  // tito:begin 2.7a
  visitor(path, *this);
  for (const auto& [name, child] : children_) child->visit(join(path, name), visitor);
  // tito:end 2.7a
}

// Every parameter of the tree once, under the first path that leads to it.
NamedTensors Module::named_parameters() const {
  // tito:begin 2.7b
  NamedTensors found;
  visit("", [&](const std::string& path, const Module& module) {
    for (const auto& [name, tensor] : module.parameters_)
      if (!contains(found, tensor)) found.emplace_back(join(path, name), tensor);
  });
  return found;
  // tito:end 2.7b
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> tensors;
  for (auto& [name, tensor] : named_parameters()) tensors.push_back(tensor);
  return tensors;
}

// Sets the mode of this module and of all below it.
void Module::train(bool on) {
  // tito:begin 2.7c
  training_ = on;
  for (const auto& [name, child] : children_) child->train(on);
  // tito:end 2.7c
}

// ---- Sequential

Sequential::Sequential(std::initializer_list<std::shared_ptr<Module>> modules) {
  for (const auto& module : modules) push_back(module);
}

void Sequential::push_back(std::shared_ptr<Module> module) {
  register_module(std::to_string(children().size()), std::move(module));
}

// The children one after the other, each with the output of the one before; x when there are none.
Tensor Sequential::forward(const Tensor& x) {
  if (fusion_enabled()) return run_fused(*this, x);  // off in a lab
  // tito:begin 2.8
  Tensor out = x;
  for (const auto& [name, child] : children()) out = (*child)(out);
  return out;
  // tito:end 2.8
}

}  // namespace tinytorch::nn
