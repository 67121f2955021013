// Recomputation: a part of the network runs again in the backward pass instead of being kept.
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"

namespace tinytorch {

// tito:begin 4.0
// tito:end 4.0

namespace {

// The default generator stands at `state`; at the end, also by an exception, where it stood before.
class GeneratorAt {
 public:
  explicit GeneratorAt(const GeneratorState& state) : before_(default_generator().state()) {
    default_generator().set_state(state);
  }
  ~GeneratorAt() { default_generator().set_state(before_); }
  GeneratorAt(const GeneratorAt&) = delete;
  GeneratorAt& operator=(const GeneratorAt&) = delete;

 private:
  const GeneratorState before_;
};

}  // namespace

Tensor checkpoint(const std::function<Tensor(const Tensor&)>& fn, const Tensor& x) {
  if (!grad_enabled()) return fn(x);
  // tito:begin 4.5
  const auto state = default_generator().state();
  Tensor out;
  {
    const NoGrad no_grad;
    out = fn(x);
  }
  if (out.is_same(x)) return out;
  set_gradient("checkpoint", out, {&x}, [fn, state, saved = Saved(x)](GradContext& c) {
    Tensor input = saved.get(c).detach();
    if (c.needs(0)) input.set_requires_grad();
    Tensor again;
    {
      const GeneratorAt first_run(state);
      const GradMode record_again(true);
      again = fn(input);
    }
    if (again.requires_grad()) again.backward(c.grad());
    if (c.needs(0)) c.set(0, input.grad());
  });
  return out;
  // tito:end 4.5
}

}  // namespace tinytorch
