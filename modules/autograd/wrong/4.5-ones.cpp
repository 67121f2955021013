// task: 4.5
// test: checkpoint.gives_the_gradients_of_the_plain_run
// state: FAIL
// cause: started with ones
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
    const GradMode record_again(true);
    again = fn(input);
  }
  default_generator().set_state(now);
  if (again.requires_grad()) again.backward(ones(again.shape(), again.dtype()));
  if (c.needs(0)) c.set(0, input.grad());
});
return out;
