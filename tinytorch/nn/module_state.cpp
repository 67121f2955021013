// Module: names, buffers, state, hooks; ModuleList.
#include <algorithm>
#include <atomic>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::nn {

std::string Module::join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

void Module::check_new_name(const std::string& name) const {
  const auto taken = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& p) { return p.first == name; });
  };
  if (name.empty() || name.find('.') != std::string::npos)
    raise<ConfigError>("{}: '{}' is no name for a part of a module.", kind(), name);
  if (taken(parameters_) || taken(buffers_) || taken(children_))
    raise<ConfigError>("{}: the name '{}' is taken.", kind(), name);
}

uint64_t Module::next_revision() {
  static std::atomic<uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void Module::replace_parameter(const std::string& name, const Tensor& value) {
  for (auto& [known, tensor] : parameters_)
    if (known == name) {
      tensor = value;
      revision_ = next_revision();
      return;
    }
  raise<ConfigError>("{}: there is no parameter '{}'.", kind(), name);
}

Tensor Module::register_buffer(const std::string& name, Tensor value) {
  check_new_name(name);
  if (value.defined()) buffers_.emplace_back(name, value);
  revision_ = next_revision();
  return value;
}

NamedTensors Module::named_buffers() const {
  NamedTensors found;
  visit("", [&](const std::string& path, const Module& module) {
    for (const auto& [name, tensor] : module.buffers_) found.emplace_back(join(path, name), tensor);
  });
  return found;
}

int64_t Module::parameter_count() const {
  int64_t count = 0;
  for (const Tensor& p : parameters()) count += p.numel();
  return count;
}

void Module::zero_grad() {
  for (Tensor& p : parameters()) p.set_grad(Tensor());
}

void Module::to(DType dtype) {
  const NoGrad no_grad;
  for (auto& [name, tensor] : state_dict()) {
    Tensor t = tensor;
    if (!is_floating(t.dtype())) continue;
    const Tensor grad = t.grad();
    if (grad.defined()) t.set_grad(Tensor());
    t.set_data(t.to(dtype));
    if (grad.defined()) t.set_grad(grad.to(dtype));
  }
}

NamedTensors Module::state_dict() const {
  NamedTensors state;
  visit("", [&](const std::string& path, const Module& module) {
    for (const NamedTensors* list : {&module.parameters_, &module.buffers_})
      for (const auto& [name, tensor] : *list) state.emplace_back(join(path, name), tensor);
  });
  return state;
}

Module::LoadReport Module::load_state_dict(const NamedTensors& state, bool strict) {
  const NamedTensors own = state_dict();
  const auto find = [](const NamedTensors& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const auto& p) { return p.first == name; });
  };
  LoadReport report;
  std::vector<std::pair<Tensor, Tensor>> copies;  // to, from
  for (const auto& [name, tensor] : state) {
    const auto place = find(own, name);
    if (place == own.end()) {
      report.unexpected.push_back(name);
      continue;
    }
    if (place->second.shape() != tensor.shape())
      raise<IoError>(
          "load_state_dict: '{}' is {} in the file and {} in the model. Hint: build the model with "
          "the sizes that it was trained with.",
          name, tensor.shape().str(), place->second.shape().str());
    copies.emplace_back(place->second, tensor);
  }
  for (const auto& [name, tensor] : own) {
    const bool shared = std::any_of(copies.begin(), copies.end(),
                                    [&, &t = tensor](const auto& c) { return c.first.is_same(t); });
    if (find(state, name) == state.end() && !shared) report.missing.push_back(name);
  }
  if (strict && !(report.missing.empty() && report.unexpected.empty()))
    raise<IoError>(
        "load_state_dict: names differ. Missing: {}. Unexpected: {}. Hint: load with strict = "
        "false to take what fits.",
        report.missing.empty() ? "none" : format_text("{}", joined(report.missing)),
        report.unexpected.empty() ? "none" : format_text("{}", joined(report.unexpected)));
  const NoGrad no_grad;
  for (auto& [to, from] : copies) to.copy_(from);
  return report;
}

Tensor Module::operator()(const Tensor& x) {
  try {
    return run_with_hooks(x);
  } catch (Error& error) {  // on its way out the text gathers the path of the module that failed
    if (!name_.empty()) error.add_module(name_);
    throw;
  }
}

Tensor Module::run_with_hooks(const Tensor& x) {
  Tensor out = forward(x);
  for (const Hook& hook : hooks_) {
    Tensor changed = hook(*this, x, out);
    if (changed.defined()) out = std::move(changed);
  }
  return out;
}

std::string Module::str() const {
  std::string text;
  visit("", [&](const std::string& path, const Module& module) {
    const auto depth = path.empty() ? 0 : 1 + std::count(path.begin(), path.end(), '.');
    const size_t dot = path.rfind('.');
    const std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
    const std::string details = module.describe();
    text += format_text("{:{}}{}{}{}\n", "", 2 * depth, name.empty() ? "" : "(" + name + ") ",
                        module.kind(), details.empty() ? "" : "(" + details + ")");
  });
  return text;
}

void ModuleList::push_back(std::shared_ptr<Module> module) {
  register_module(std::to_string(children().size()), std::move(module));
}

Tensor ModuleList::forward(const Tensor&) {
  raise<NotImplemented>("ModuleList: it has no forward; call its members.");
}

}  // namespace tinytorch::nn
