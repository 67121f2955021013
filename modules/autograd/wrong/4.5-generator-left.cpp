// task: 4.5
// test: checkpoint.leaves_the_generator_as_it_was
// state: FAIL
// cause: left where the second run had it
const auto state = default_generator().state();
Tensor out;
{
  const NoGrad no_grad;
  out = fn(x);
}
if (out.is_same(x)) return out;
set_gradient("checkpoint", out, {&x}, [fn, state, saved = Saved(x)](GradContext& c) {
  default_generator().set_state(state);
  Tensor input = saved.get(c).detach();
  if (c.needs(0)) input.set_requires_grad();
  Tensor again;
  {
    const GradMode record_again(true);
    again = fn(input);
  }
  if (again.requires_grad()) again.backward(c.grad());
  if (c.needs(0)) c.set(0, input.grad());
});
return out;
