// task: 4.5
// test: checkpoint.of_a_leaf
// state: FAIL
// cause: the second run was not recorded
const auto state = default_generator().state();
Tensor out;
{
  const NoGrad no_grad;
  out = fn(x);
}
if (out.is_same(x)) return out;
set_gradient("checkpoint", out, {&x}, [fn, state, saved = Saved(x)](GradContext& c) {
  const auto now = default_generator().state();
  default_generator().set_state(state);
  Tensor input = saved.get(c).detach();
  if (c.needs(0)) input.set_requires_grad();
  Tensor again;
  {
    again = fn(input);
  }
  default_generator().set_state(now);
  if (again.requires_grad()) again.backward(c.grad());
  if (c.needs(0)) c.set(0, input.grad());
});
return out;
