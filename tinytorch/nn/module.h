#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/core/tensor.h"
#include "tinytorch/ops/fusion.h"

namespace tinytorch::nn {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;  // in order of registration

// A part of a network: parameters, buffers (state without gradients), child modules, a forward.
// Names are paths ("layer1.0.conv1.weight"), as PyTorch's.
//   struct Net : nn::Module {
//     nn::Linear& fc1 = add<nn::Linear>("fc1", 784, 128);
//     nn::Linear& fc2 = add<nn::Linear>("fc2", 128, 10);
//     Tensor forward(const Tensor& x) override { return fc2(fc1(x).relu()); }
//   };
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  // forward with its hooks; errors that pass through gain this module's path.
  Tensor operator()(const Tensor& x);

  // Own parameters, then the children's, without the second names of shared tensors.
  std::vector<Tensor> parameters() const;
  NamedTensors named_parameters() const;
  NamedTensors named_buffers() const;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children() const {
    return children_;
  }
  int64_t parameter_count() const;

  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }
  void zero_grad();      // drops the gradients
  void to(DType dtype);  // converts floating parameters and buffers

  // Parameters and buffers under all their names (shared ones twice). The tensors are the module's.
  NamedTensors state_dict() const;
  struct LoadReport {
    std::vector<std::string> missing, unexpected;
  };
  // Copies values in (converting the dtype). Strict: IoError unless the names agree exactly. A
  // shape that differs is an error always. Nothing is changed when an error is raised.
  LoadReport load_state_dict(const NamedTensors& state, bool strict = true);

  // Called after forward with the input and the output; a defined result replaces the output.
  using Hook = std::function<Tensor(Module&, const Tensor& input, const Tensor& output)>;
  void register_forward_hook(Hook hook) { hooks_.push_back(std::move(hook)); }
  bool has_hooks() const { return !hooks_.empty(); }
  // No other module's, and another one after each change of what this one consists of.
  uint64_t revision() const { return revision_; }

  virtual std::string describe() const { return ""; }  // "784 -> 128, bias"
  virtual const char* kind() const = 0;                // "Linear"
  std::string str() const;                             // the tree, one line a module

  // Building blocks for subclasses; also public, so that a module can be put together by hand.
  Tensor register_parameter(const std::string& name, Tensor value);  // undefined: registers nothing
  void replace_parameter(const std::string& name, const Tensor& value);  // a known name
  Tensor register_buffer(const std::string& name, Tensor value);
  void register_module(const std::string& name, std::shared_ptr<Module> module);
  template <class M, class... Args>
  M& add(const std::string& name, Args&&... args) {
    auto module = std::make_shared<M>(std::forward<Args>(args)...);
    M& reference = *module;
    register_module(name, std::move(module));
    return reference;
  }

 protected:
  // Calls visit(path, module) for this module and everything below, parents first.
  void visit(const std::string& path,
             const std::function<void(const std::string&, const Module&)>& visitor) const;
  // "layer1" and "weight" give "layer1.weight"; a path of "" gives the name alone.
  static std::string join(const std::string& path, const std::string& name);

 private:
  void check_new_name(const std::string& name) const;
  static uint64_t next_revision();
  Tensor run_with_hooks(const Tensor& x);
  std::string name_;  // in its parent
  NamedTensors parameters_, buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
  std::vector<Hook> hooks_;
  uint64_t revision_ = next_revision();
  bool training_ = true;
};

// Runs a module in evaluation until the end of its scope, also by an exception; then it is back in
// the mode that it was in.
class EvaluationMode {
 public:
  explicit EvaluationMode(Module& module) : module_(module), was_training_(module.training()) {
    module.eval();
  }
  ~EvaluationMode() { module_.train(was_training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  Module& module_;
  bool was_training_;
};

template <class M, class... Args>
std::shared_ptr<M> make(Args&&... args) {
  return std::make_shared<M>(std::forward<Args>(args)...);
}

// Runs its children one after the other; their names are their numbers. Linear or convolution with
// the activation behind it, convolution with ReLU and 2x2 pooling, and batch norm with ReLU run as
// one kernel unless a hook or set_fusion(false) asks for the single steps.
class Sequential : public Module {
 public:
  Sequential() = default;
  Sequential(std::initializer_list<std::shared_ptr<Module>> modules);
  void push_back(std::shared_ptr<Module> module);
  int64_t size() const { return static_cast<int64_t>(children().size()); }
  Module& operator[](int64_t i) const { return *children().at(static_cast<size_t>(i)).second; }
  Tensor forward(const Tensor& x) override;
  const char* kind() const override { return "Sequential"; }
};

// Children without a forward of their own.
class ModuleList : public Module {
 public:
  void push_back(std::shared_ptr<Module> module);
  int64_t size() const { return static_cast<int64_t>(children().size()); }
  Module& operator[](int64_t i) const { return *children().at(static_cast<size_t>(i)).second; }
  Tensor forward(const Tensor& x) override;  // NotImplemented
  const char* kind() const override { return "ModuleList"; }
};

using tinytorch::fusion_enabled;
using tinytorch::set_fusion;

}  // namespace tinytorch::nn
