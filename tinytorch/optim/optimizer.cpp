#include "tinytorch/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/kernels/optim.h"

namespace tinytorch::optim {

namespace {

void check_positive(const char* optimizer, const char* name, double value, bool zero_allowed) {
  if (!(zero_allowed ? value >= 0 : value > 0) || !std::isfinite(value))
    raise<ConfigError>("{}: {} = {} must be {}.", optimizer, name, value,
                       zero_allowed ? "0 or more" : "positive");
}

// Whether t, of p's shape, lies in memory as empty_like(p) does.
bool lies_like(const Tensor& t, const Tensor& p) {
  if (p.is_contiguous() || !p.is_dense()) return t.is_contiguous();
  if (!t.is_dense()) return false;
  for (int d = 0; d < p.dim(); ++d)
    if (p.shape()[d] > 1 && t.strides()[d] != p.strides()[d]) return false;
  return true;
}
// t in the memory order of empty_like(p): itself or a copy.
Tensor ordered_like(const Tensor& t, const Tensor& p) {
  if (lies_like(t, p)) return t;
  const NoGrad no_grad;
  Tensor copy = empty_like(p, t.dtype());
  copy.copy_(t);
  return copy;
}
// The gradient of p in the memory order of `like`; a copy takes the gradient's place.
Tensor ordered_gradient(const Tensor& p, const Tensor& like) {
  Tensor g = p.grad();
  if (!g.defined()) return g;
  Tensor ordered = ordered_like(g, like);
  if (!ordered.is_same(g)) Tensor(p).set_grad(ordered);
  return ordered;
}

std::string described(const Tensor& t) {
  return format_text("{} {}", dtype_name(t.dtype()), t.shape().str());
}

// Which pointer of a chunk a state takes: RMSprop may have its third without its second.
size_t slot(const std::string& state_name, size_t number) {
  return state_name == "grad_avg" ? 2 : number;
}

}  // namespace

Optimizer::Optimizer(const std::vector<std::vector<Tensor>>& groups,
                     const std::vector<double>& rates, std::vector<std::string> state_names,
                     double state_start)
    : lr_(rates.empty() ? 0 : rates[0]),
      state_names_(std::move(state_names)),
      state_start_(state_start) {
  std::unordered_set<const void*> seen;
  for (size_t k = 0; k < groups.size(); ++k) {
    if (rates[k] != lr_ && lr_ == 0)
      raise<ConfigError>(
          "an optimizer's first group has the rate 0, group {} has {}: schedules multiply the "
          "first. Hint: put the groups in another order.",
          k, rates[k]);
    rate_ratios_.push_back(rates[k] == lr_ ? 1 : rates[k] / lr_);
    for (const Tensor& p : groups[k]) {
      const bool updatable = p.dtype() == DType::kF32 || p.dtype() == DType::kF64;
      if (!p.is_leaf() || (p.requires_grad() && !updatable))
        raise<ConfigError>(
            "an optimizer changes f32 and f64 tensors that no operation made, not {}{}. Hint: give "
            "it module.parameters().",
            p.is_leaf() ? "" : "a result ", described(p));
      if (!seen.insert(p.base()).second)
        raise<ConfigError>("an optimizer was given the same parameter {} twice (group {}).",
                           described(p), k);
      parameters_.push_back(p);
      group_of_.push_back(k);
    }
  }
  if (parameters_.empty())
    raise<ConfigError>(
        "an optimizer needs at least one parameter. Hint: layers such as ReLU have none; in a "
        "module "
        "of your own register them with add() or register_parameter().");
  state_.resize(parameters_.size());
  steps_.resize(parameters_.size(), 0);
}

void Optimizer::zero_grad() {
  for (Tensor& p : parameters_) p.set_grad(Tensor());
}

void Optimizer::check_fit() const {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor &p = parameters_[i], g = p.grad();
    if (!g.defined()) continue;
    const auto fits = [&](const Tensor& t) {
      return t.shape() == p.shape() && t.dtype() == p.dtype();
    };
    if (p.dtype() != DType::kF32 && p.dtype() != DType::kF64)
      raise<DTypeError>("optimizer step: parameter {} is {} now; steps are in f32 and f64.", i,
                        described(p));
    if (!fits(g))
      raise<ShapeError>(
          "optimizer step: parameter {} is {} now, its gradient {}. Hint: after replacing its data "
          "call zero_grad() and run backward again.",
          i, described(p), described(g));
    for (size_t s = 0; s < state_[i].size(); ++s)
      if (!fits(state_[i][s]))
        raise<ShapeError>(
            "optimizer step: parameter {} is {} now, its state '{}' {}. Hint: make a new optimizer "
            "after replacing a parameter's data by another size or dtype.",
            i, described(p), state_names_[s], described(state_[i][s]));
  }
}

Tensor Optimizer::begin_update(size_t i) {
  const Tensor& p = parameters_[i];
  Tensor g = ordered_gradient(p, p);
  if (!g.defined()) return g;
  for (Tensor& state : state_[i]) state = ordered_like(state, p);
  while (state_[i].size() < state_names_.size()) {
    state_[i].push_back(empty_like(p));
    state_[i].back().fill_(state_start_);
  }
  ++steps_[i];
  return g;
}

void Optimizer::for_each_parameter(const std::function<void(const Update&)>& update) {
  const NoGrad no_grad;
  check_fit();
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (const Tensor g = begin_update(i); g.defined())
      update({parameters_[i], g, state_[i], steps_[i], group_of_[i]});
}

template <class Run>
void Optimizer::for_each_table(Run run) {
  struct Table {
    size_t group;
    DType dtype;
    int64_t step;
    std::vector<kernels::ParamChunk<float>> f32;
    std::vector<kernels::ParamChunk<double>> f64;
  };
  check_fit();
  std::vector<Table> tables;
  std::vector<std::pair<Tensor, Tensor>> copies;  // a parameter with gaps, its dense copy
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor g = begin_update(i);
    if (!g.defined()) continue;
    const Tensor p = ordered_like(parameters_[i], parameters_[i]);
    if (!p.is_same(parameters_[i])) copies.emplace_back(parameters_[i], p);
    const std::vector<Tensor>& state = state_[i];
    const int64_t step = steps_[i];
    auto table = std::find_if(tables.begin(), tables.end(), [&](const Table& o) {
      return o.group == group_of_[i] && o.dtype == p.dtype() && o.step == step;
    });
    if (table == tables.end()) {
      tables.push_back({group_of_[i], p.dtype(), step, {}, {}});
      table = tables.end() - 1;
    }
    const auto append = [&](auto& chunks, auto chunk) {
      using T = std::remove_pointer_t<decltype(chunk.p)>;
      T** const pointers[] = {&chunk.s0, &chunk.s1, &chunk.s2};
      for (size_t s = 0; s < state.size(); ++s)
        *pointers[slot(state_names_[s], s)] = state[s].template data<T>();
      kernels::append_chunks(chunks, chunk);
    };
    const auto whole = [&]<class T>(T) {
      return kernels::ParamChunk<T>{p.data<T>(), g.data<T>(), nullptr, nullptr, p.numel(), nullptr};
    };
    if (p.dtype() == DType::kF32)
      append(table->f32, whole(float{}));
    else
      append(table->f64, whole(double{}));
    p.storage().bump_version();
  }
  for (const Table& table : tables) {
    if (table.dtype == DType::kF32)
      run(table.f32, table.step, table.group);
    else
      run(table.f64, table.step, table.group);
  }
  const NoGrad no_grad;
  for (auto& [parameter, copy] : copies) parameter.copy_(copy);
}

std::vector<std::pair<std::string, Tensor>> Optimizer::state_tensors() const {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (size_t i = 0; i < state_.size(); ++i)
    for (size_t s = 0; s < state_[i].size(); ++s)
      tensors.emplace_back(format_text("{}.{}", state_names_[s], i), state_[i][s]);
  return tensors;
}

void Optimizer::load_state(const std::vector<std::pair<std::string, Tensor>>& tensors,
                           const std::vector<int64_t>& steps) {
  if (steps.size() != parameters_.size())
    raise<IoError>("optimizer state: {} step counts for {} parameters.", steps.size(),
                   parameters_.size());
  std::vector<std::vector<Tensor>> state(parameters_.size());
  size_t used = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    for (const std::string& state_name : state_names_) {
      const std::string name = format_text("{}.{}", state_name, i);
      const auto found = std::find_if(tensors.begin(), tensors.end(),
                                      [&](const auto& t) { return t.first == name; });
      if (found == tensors.end()) {
        if (steps[i] > 0 || !state[i].empty())
          raise<IoError>("optimizer state: '{}' is missing.", name);
        continue;
      }
      const Tensor& p = parameters_[i];
      if (found->second.shape() != p.shape() || found->second.dtype() != p.dtype())
        raise<IoError>("optimizer state: '{}' is {} {}, its parameter {} {}.", name,
                       dtype_name(found->second.dtype()), found->second.shape().str(),
                       dtype_name(p.dtype()), p.shape().str());
      Tensor own = empty_like(p);
      own.copy_(found->second);
      state[i].push_back(std::move(own));
      ++used;
    }
  }
  if (used != tensors.size())
    raise<IoError>("optimizer state: {} of {} tensors belong to another optimizer.",
                   tensors.size() - used, tensors.size());
  state_ = std::move(state);
  steps_ = steps;
}

namespace {

template <class T>
using Chunks = std::vector<kernels::ParamChunk<T>>;

// What an option must be in all groups, because it decides about the state.
template <class Options, class Get>
auto common(const char* optimizer, const char* name, const std::vector<ParamGroup<Options>>& groups,
            Get get) {
  using Value = decltype(get(Options{}));
  for (const ParamGroup<Options>& group : groups)
    if (get(group.options) != get(groups[0].options))
      raise<ConfigError>("{}: {} must be the same in all groups.", optimizer, name);
  return groups.empty() ? Value{} : get(groups[0].options);
}

template <class Options>
bool any_momentum(const std::vector<ParamGroup<Options>>& groups) {
  return std::any_of(groups.begin(), groups.end(),
                     [](const ParamGroup<Options>& g) { return g.options.momentum != 0; });
}

void check_betas(const char* optimizer, double beta1, double beta2) {
  for (const double beta : {beta1, beta2})
    if (!(beta >= 0 && beta < 1))
      raise<ConfigError>("{}: betas must lie in [0, 1), got {}.", optimizer, beta);
}

}  // namespace

Sgd::Sgd(const std::vector<ParamGroup<SgdOptions>>& groups)
    : GroupedOptimizer(groups, any_momentum(groups) ? std::vector<std::string>{"momentum"}
                                                    : std::vector<std::string>{}) {
  for (const auto& [parameters, o] : groups) {
    check_positive("sgd", "lr", o.lr, true);
    check_positive("sgd", "momentum", o.momentum, true);
    check_positive("sgd", "weight_decay", o.weight_decay, true);
    if (o.nesterov && o.momentum == 0) raise<ConfigError>("sgd: nesterov needs a momentum.");
  }
}

void Sgd::step() {
  for_each_table([&]<class T>(const Chunks<T>& chunks, int64_t, size_t group) {
    const SgdOptions& o = options(group);
    kernels::sgd_step(
        kernels::SgdArgs<T>{chunks, group_lr(group), o.momentum, o.weight_decay, o.nesterov});
  });
}

Adam::Adam(const std::vector<ParamGroup<AdamOptions>>& groups)
    : GroupedOptimizer(groups, {"exp_avg", "exp_avg_sq"}) {
  for (const auto& [parameters, o] : groups) {
    const char* name = o.decoupled ? "adamw" : "adam";
    check_positive(name, "lr", o.lr, true);
    check_positive(name, "eps", o.eps, true);
    check_positive(name, "weight_decay", o.weight_decay, true);
    check_betas(name, o.beta1, o.beta2);
  }
}

void Adam::step() {
  for_each_table([&]<class T>(const Chunks<T>& chunks, int64_t step, size_t group) {
    const AdamOptions& o = options(group);
    kernels::AdamArgs<T> args;
    args.chunks = chunks;
    args.lr = group_lr(group), args.beta1 = o.beta1, args.beta2 = o.beta2, args.eps = o.eps;
    args.weight_decay = o.weight_decay, args.decoupled = o.decoupled;
    args.bias_correction1 = 1 - std::pow(o.beta1, static_cast<double>(step));
    args.bias_correction2 = 1 - std::pow(o.beta2, static_cast<double>(step));
    kernels::adam_step(args);
  });
}

namespace {

std::vector<std::string> rmsprop_states(const std::vector<ParamGroup<RmspropOptions>>& groups) {
  std::vector<std::string> names = {"square_avg"};
  if (any_momentum(groups)) names.emplace_back("momentum_buffer");
  if (common("rmsprop", "centered", groups, [](const RmspropOptions& o) { return o.centered; }))
    names.emplace_back("grad_avg");
  return names;
}

}  // namespace

Rmsprop::Rmsprop(const std::vector<ParamGroup<RmspropOptions>>& groups)
    : GroupedOptimizer(groups, rmsprop_states(groups)) {
  for (const auto& [parameters, o] : groups) {
    check_positive("rmsprop", "lr", o.lr, true);
    check_positive("rmsprop", "alpha", o.alpha, true);
    check_positive("rmsprop", "eps", o.eps, true);
    check_positive("rmsprop", "weight_decay", o.weight_decay, true);
    check_positive("rmsprop", "momentum", o.momentum, true);
  }
}

void Rmsprop::step() {
  for_each_table([&]<class T>(const Chunks<T>& chunks, int64_t, size_t group) {
    const RmspropOptions& o = options(group);
    kernels::rmsprop_step(kernels::RmspropArgs<T>{chunks, group_lr(group), o.alpha, o.eps,
                                                  o.weight_decay, o.momentum});
  });
}

Adagrad::Adagrad(const std::vector<ParamGroup<AdagradOptions>>& groups)
    : GroupedOptimizer(
          groups, {"sum"},
          common("adagrad", "initial_accumulator_value", groups,
                 [](const AdagradOptions& o) { return o.initial_accumulator_value; })) {
  for (const auto& [parameters, o] : groups) {
    check_positive("adagrad", "lr", o.lr, true);
    check_positive("adagrad", "lr_decay", o.lr_decay, true);
    check_positive("adagrad", "weight_decay", o.weight_decay, true);
    check_positive("adagrad", "initial_accumulator_value", o.initial_accumulator_value, true);
    check_positive("adagrad", "eps", o.eps, true);
  }
}

void Adagrad::step() {
  for_each_table([&]<class T>(const Chunks<T>& chunks, int64_t step, size_t group) {
    const AdagradOptions& o = options(group);
    const double lr = group_lr(group) / (1 + static_cast<double>(step - 1) * o.lr_decay);
    kernels::adagrad_step(kernels::AdagradArgs<T>{chunks, lr, o.eps, o.weight_decay});
  });
}

Lion::Lion(const std::vector<ParamGroup<LionOptions>>& groups)
    : GroupedOptimizer(groups, {"exp_avg"}) {
  for (const auto& [parameters, o] : groups) {
    check_positive("lion", "lr", o.lr, true);
    check_positive("lion", "weight_decay", o.weight_decay, true);
    check_betas("lion", o.beta1, o.beta2);
  }
}

void Lion::step() {
  for_each_table([&]<class T>(const Chunks<T>& chunks, int64_t, size_t group) {
    const LionOptions& o = options(group);
    kernels::lion_step(
        kernels::LionArgs<T>{chunks, group_lr(group), o.beta1, o.beta2, o.weight_decay});
  });
}

namespace {

// The gradients of all parameters as chunk tables, g only.
struct GradTables {
  std::vector<kernels::ParamChunk<float>> f32;
  std::vector<kernels::ParamChunk<double>> f64;
  explicit GradTables(const std::vector<Tensor>& parameters) {
    for (const Tensor& p : parameters) {
      const Tensor g = ordered_gradient(p, p.grad());
      if (!g.defined()) continue;
      if (g.dtype() == DType::kF32)
        kernels::append_chunks(f32, {.g = g.data<float>(), .n = g.numel()});
      else
        kernels::append_chunks(f64, {.g = g.data<double>(), .n = g.numel()});
    }
  }
  double norm() const {
    double a = 0, b = 0;
    kernels::sum_squares(kernels::SumSquaresArgs<float>{f32, &a});
    kernels::sum_squares(kernels::SumSquaresArgs<double>{f64, &b});
    return std::sqrt(a + b);
  }
};

}  // namespace

double grad_norm(const std::vector<Tensor>& parameters) {
  return GradTables(parameters).norm();
}

double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm) {
  const GradTables tables(parameters);
  const double norm = tables.norm(), factor = max_norm / (norm + 1e-6);
  if (!(factor >= 1)) {  // NaN too: one bad gradient spoils all, as in PyTorch, and is seen
    kernels::scale_grads<float>(tables.f32, factor);
    kernels::scale_grads<double>(tables.f64, factor);
  }
  return norm;
}

void scale_grads(const std::vector<Tensor>& parameters, double factor) {
  const GradTables tables(parameters);
  kernels::scale_grads<float>(tables.f32, factor);
  kernels::scale_grads<double>(tables.f64, factor);
}

void clip_grad_value(const std::vector<Tensor>& parameters, double limit) {
  check_positive("clip_grad_value", "limit", limit, false);
  const GradTables tables(parameters);
  kernels::clamp_grads<float>(tables.f32, limit);
  kernels::clamp_grads<double>(tables.f64, limit);
}

}  // namespace tinytorch::optim
