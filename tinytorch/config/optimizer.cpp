// [optim] and [[optim.groups]].
#include <algorithm>
#include <tuple>

#include "tinytorch/config/experiment.h"
#include "tinytorch/config/numbers.h"
#include "tinytorch/core/format.h"

namespace tinytorch {

namespace {

// One table of options. What it leaves out is as in `otherwise`.
class Table {
 public:
  Table(const Config& config, std::string prefix) : config_(config), prefix_(std::move(prefix)) {}
  std::string key(const char* name) const { return prefix_ + name; }
  void read(const char* name, double& value) const {
    value = read_number(config_, key(name), value);
  }
  void read(const char* name, bool& value) const { value = config_.get<bool>(key(name), value); }
  void read_betas(double& beta1, double& beta2) const {
    const auto betas = config_.get<std::vector<double>>(key("betas"), {beta1, beta2});
    if (betas.size() != 2)
      config_.refuse(key("betas"), "must be two numbers, such as [0.9, 0.999]");
    for (const double beta : betas) check_number(config_, key("betas"), beta);
    std::tie(beta1, beta2) = std::pair(betas[0], betas[1]);
  }

 private:
  const Config& config_;
  std::string prefix_;
};

void read(const Table& t, optim::SgdOptions& o) {
  t.read("momentum", o.momentum);
  t.read("nesterov", o.nesterov);
}
void read(const Table& t, optim::AdamOptions& o) {
  t.read_betas(o.beta1, o.beta2);
  t.read("eps", o.eps);
}
void read(const Table& t, optim::RmspropOptions& o) {
  t.read("alpha", o.alpha);
  t.read("eps", o.eps);
  t.read("momentum", o.momentum);
  t.read("centered", o.centered);
}
void read(const Table& t, optim::AdagradOptions& o) {
  t.read("lr_decay", o.lr_decay);
  t.read("initial_accumulator_value", o.initial_accumulator_value);
  t.read("eps", o.eps);
}
void read(const Table& t, optim::LionOptions& o) {
  t.read_betas(o.beta1, o.beta2);
}

// Whether `name` is what `pattern` says; a * stands for any characters.
bool matches(std::string_view name, std::string_view pattern) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return name == pattern;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  pattern.remove_prefix(star + 1);
  for (size_t from = star; from <= name.size(); ++from)
    if (matches(name.substr(from), pattern)) return true;
  return false;
}

// Moves the parameters of `rest` that group `index` names to a list of their own.
std::vector<Tensor> take_group(const Config& config, int64_t index, nn::NamedTensors& rest) {
  const std::string key = format_text("optim.groups.{}.parameters", index);
  const auto patterns = config.get<std::vector<std::string>>(key);
  std::vector<Tensor> taken;
  std::vector<bool> used(patterns.size());
  nn::NamedTensors left;
  for (const auto& [name, tensor] : rest) {
    bool in_group = false;
    for (size_t i = 0; i < patterns.size(); ++i)
      if (matches(name, patterns[i])) in_group = used[i] = true;
    if (in_group)
      taken.push_back(tensor);
    else
      left.emplace_back(name, tensor);
  }
  std::vector<std::string> names;
  for (const auto& item : rest) names.push_back(item.first);
  for (size_t i = 0; i < patterns.size(); ++i)
    if (!used[i])
      config.refuse(key, format_text("'{}' is no parameter's name; a * stands for any characters. "
                                     "Those that no group before has: {}.",
                                     patterns[i], joined(names)));
  if (taken.empty()) config.refuse(key, "names no parameter.");
  rest = std::move(left);
  return taken;
}

template <class O, class Options>
std::unique_ptr<optim::Optimizer> grouped(const Config& config, const nn::Module& model,
                                          Options otherwise) {
  const auto read_all = [&](const std::string& prefix, Options options) {
    const Table table(config, prefix);
    table.read("lr", options.lr);
    table.read("weight_decay", options.weight_decay);
    read(table, options);
    return options;
  };
  otherwise = read_all("optim.", otherwise);
  nn::NamedTensors rest = model.named_parameters();
  std::vector<optim::ParamGroup<Options>> groups;
  for (int64_t i = 0; i < config.count_tables("optim.groups"); ++i) {
    std::vector<Tensor> taken = take_group(config, i, rest);
    groups.push_back({std::move(taken), read_all(format_text("optim.groups.{}.", i), otherwise)});
  }
  optim::ParamGroup<Options> others{{}, otherwise};
  for (auto& [name, tensor] : rest) others.parameters.push_back(std::move(tensor));
  groups.insert(groups.begin(), std::move(others));  // its rate is the one that schedules count in
  return std::make_unique<O>(std::move(groups));
}

}  // namespace

std::unique_ptr<optim::Optimizer> read_optimizer(const Config& config, const nn::Module& model) {
  const std::string name =
      config.choice("optim.name", {"sgd", "adam", "adamw", "rmsprop", "adagrad", "lion"}, "adam");
  if (name == "sgd") return grouped<optim::Sgd>(config, model, optim::SgdOptions{});
  if (name == "rmsprop") return grouped<optim::Rmsprop>(config, model, optim::RmspropOptions{});
  if (name == "adagrad") return grouped<optim::Adagrad>(config, model, optim::AdagradOptions{});
  if (name == "lion") return grouped<optim::Lion>(config, model, optim::LionOptions{});
  optim::AdamOptions o;
  o.decoupled = name == "adamw";
  if (o.decoupled) o.weight_decay = 0.01;
  return grouped<optim::Adam>(config, model, o);
}

}  // namespace tinytorch
