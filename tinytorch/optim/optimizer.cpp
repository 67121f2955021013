#include "tinytorch/optim/optimizer.h"

#include <algorithm>
#include <cmath>

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

// The gradient in its parameter's memory order.
Tensor ordered_gradient(const Tensor& p) {
  Tensor g = p.grad();
  if (!g.defined() || (g.strides() == p.strides() && g.is_dense())) return g;
  const NoGrad no_grad;
  Tensor copy = empty_like(p);
  copy.copy_(g);
  Tensor(p).set_grad(copy);
  return copy;
}

template <class T>
kernels::ParamChunk<T> whole(const Tensor& p, const Tensor& g) {
  return {p.data<T>(), g.data<T>(), nullptr, nullptr, p.numel(), nullptr};
}

// Which pointer of a chunk a state takes: RMSprop may have its third without its second.
size_t slot(const std::string& state_name, size_t number) {
  return state_name == "grad_avg" ? 2 : number;
}

}  // namespace

Optimizer::Optimizer(std::vector<Tensor> parameters, double lr,
                     std::vector<std::string> state_names, double state_start)
    : parameters_(std::move(parameters)),
      lr_(lr),
      state_names_(std::move(state_names)),
      state_start_(state_start),
      state_(parameters_.size()),
      steps_(parameters_.size(), 0) {
  if (parameters_.empty()) raise<ConfigError>("an optimizer needs at least one parameter.");
  for (const Tensor& p : parameters_)
    if (!p.is_leaf() || !p.requires_grad() || !p.is_dense() ||
        (p.dtype() != DType::kF32 && p.dtype() != DType::kF64))
      raise<ConfigError>(
          "an optimizer changes dense f32 or f64 leaves that require a gradient, not {} {}.",
          dtype_name(p.dtype()), p.shape().str());
}

void Optimizer::zero_grad() {
  for (Tensor& p : parameters_) p.set_grad(Tensor());
}

template <class Run>
void Optimizer::for_each_group(Run run) {
  struct Group {
    DType dtype;
    int64_t step;
    std::vector<kernels::ParamChunk<float>> f32;
    std::vector<kernels::ParamChunk<double>> f64;
  };
  std::vector<Group> groups;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    const Tensor g = ordered_gradient(p);
    if (!g.defined()) continue;
    std::vector<Tensor>& state = state_[i];
    while (state.size() < state_names_.size()) {
      state.push_back(empty_like(p));
      state.back().fill_(state_start_);
    }
    const int64_t step = ++steps_[i];
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& o) {
      return o.dtype == p.dtype() && o.step == step;
    });
    if (group == groups.end()) {
      groups.push_back({p.dtype(), step, {}, {}});
      group = groups.end() - 1;
    }
    const auto append = [&](auto& table, auto chunk) {
      using T = std::remove_pointer_t<decltype(chunk.p)>;
      T** const pointers[] = {&chunk.s0, &chunk.s1, &chunk.s2};
      for (size_t s = 0; s < state.size(); ++s)
        *pointers[slot(state_names_[s], s)] = state[s].template data<T>();
      kernels::append_chunks(table, chunk);
    };
    if (p.dtype() == DType::kF32)
      append(group->f32, whole<float>(p, g));
    else
      append(group->f64, whole<double>(p, g));
    p.storage().bump_version();
  }
  for (const Group& group : groups) {
    if (group.dtype == DType::kF32)
      run(group.f32, group.step);
    else
      run(group.f64, group.step);
  }
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
        if (steps[i] > 0) raise<IoError>("optimizer state: '{}' is missing.", name);
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

Sgd::Sgd(std::vector<Tensor> parameters, const SgdOptions& o)
    : Optimizer(
          std::move(parameters), o.lr,
          o.momentum != 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{}),
      options_(o) {
  check_positive("sgd", "lr", o.lr, true);
  check_positive("sgd", "momentum", o.momentum, true);
  check_positive("sgd", "weight_decay", o.weight_decay, true);
  if (o.nesterov && o.momentum == 0) raise<ConfigError>("sgd: nesterov needs a momentum.");
}

void Sgd::step() {
  for_each_group([&]<class T>(const std::vector<kernels::ParamChunk<T>>& chunks, int64_t) {
    kernels::sgd_step(kernels::SgdArgs<T>{chunks, lr_, options_.momentum, options_.weight_decay,
                                          options_.nesterov});
  });
}

Adam::Adam(std::vector<Tensor> parameters, const AdamOptions& o)
    : Optimizer(std::move(parameters), o.lr, {"exp_avg", "exp_avg_sq"}), options_(o) {
  const char* name = o.decoupled ? "adamw" : "adam";
  check_positive(name, "lr", o.lr, true);
  check_positive(name, "eps", o.eps, true);
  check_positive(name, "weight_decay", o.weight_decay, true);
  for (const double beta : {o.beta1, o.beta2})
    if (!(beta >= 0 && beta < 1))
      raise<ConfigError>("{}: betas must lie in [0, 1), got {}.", name, beta);
}

void Adam::step() {
  for_each_group([&]<class T>(const std::vector<kernels::ParamChunk<T>>& chunks, int64_t step) {
    kernels::AdamArgs<T> args;
    args.chunks = chunks;
    args.lr = lr_, args.beta1 = options_.beta1, args.beta2 = options_.beta2,
    args.eps = options_.eps;
    args.weight_decay = options_.weight_decay, args.decoupled = options_.decoupled;
    args.bias_correction1 = 1 - std::pow(options_.beta1, static_cast<double>(step));
    args.bias_correction2 = 1 - std::pow(options_.beta2, static_cast<double>(step));
    kernels::adam_step(args);
  });
}

namespace {

std::vector<std::string> rmsprop_states(const RmspropOptions& o) {
  std::vector<std::string> names = {"square_avg"};
  if (o.momentum != 0) names.emplace_back("momentum_buffer");
  if (o.centered) names.emplace_back("grad_avg");
  return names;
}

}  // namespace

Rmsprop::Rmsprop(std::vector<Tensor> parameters, const RmspropOptions& o)
    : Optimizer(std::move(parameters), o.lr, rmsprop_states(o)), options_(o) {
  check_positive("rmsprop", "lr", o.lr, true);
  check_positive("rmsprop", "alpha", o.alpha, true);
  check_positive("rmsprop", "eps", o.eps, true);
  check_positive("rmsprop", "weight_decay", o.weight_decay, true);
  check_positive("rmsprop", "momentum", o.momentum, true);
}

void Rmsprop::step() {
  for_each_group([&]<class T>(const std::vector<kernels::ParamChunk<T>>& chunks, int64_t) {
    kernels::rmsprop_step(kernels::RmspropArgs<T>{chunks, lr_, options_.alpha, options_.eps,
                                                  options_.weight_decay, options_.momentum});
  });
}

Adagrad::Adagrad(std::vector<Tensor> parameters, const AdagradOptions& o)
    : Optimizer(std::move(parameters), o.lr, {"sum"}, o.initial_accumulator_value), options_(o) {
  check_positive("adagrad", "lr", o.lr, true);
  check_positive("adagrad", "lr_decay", o.lr_decay, true);
  check_positive("adagrad", "weight_decay", o.weight_decay, true);
  check_positive("adagrad", "initial_accumulator_value", o.initial_accumulator_value, true);
  check_positive("adagrad", "eps", o.eps, true);
}

void Adagrad::step() {
  for_each_group([&]<class T>(const std::vector<kernels::ParamChunk<T>>& chunks, int64_t step) {
    const double lr = lr_ / (1 + static_cast<double>(step - 1) * options_.lr_decay);
    kernels::adagrad_step(kernels::AdagradArgs<T>{chunks, lr, options_.eps, options_.weight_decay});
  });
}

Lion::Lion(std::vector<Tensor> parameters, const LionOptions& o)
    : Optimizer(std::move(parameters), o.lr, {"exp_avg"}), options_(o) {
  check_positive("lion", "lr", o.lr, true);
  check_positive("lion", "weight_decay", o.weight_decay, true);
  for (const double beta : {o.beta1, o.beta2})
    if (!(beta >= 0 && beta < 1))
      raise<ConfigError>("lion: betas must lie in [0, 1), got {}.", beta);
}

void Lion::step() {
  for_each_group([&]<class T>(const std::vector<kernels::ParamChunk<T>>& chunks, int64_t) {
    kernels::lion_step(
        kernels::LionArgs<T>{chunks, lr_, options_.beta1, options_.beta2, options_.weight_decay});
  });
}

namespace {

// The gradients of all parameters as chunk tables, g only.
struct GradTables {
  std::vector<kernels::ParamChunk<float>> f32;
  std::vector<kernels::ParamChunk<double>> f64;
  explicit GradTables(const std::vector<Tensor>& parameters) {
    for (const Tensor& p : parameters) {
      const Tensor g = ordered_gradient(p);
      if (!g.defined()) continue;
      if (p.dtype() == DType::kF32)
        kernels::append_chunks(f32, whole<float>(p, g));
      else
        kernels::append_chunks(f64, whole<double>(p, g));
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
  if (factor < 1) {
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
