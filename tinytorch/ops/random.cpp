// Random tensors and dropout. Numbers depend on the generator's seed and offset and on the
// element's place alone, never on threads.
#include "tinytorch/kernels/random.h"

#include "tinytorch/core/random.h"
#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

kernels::RandomRange reserve(Generator* generator, int64_t n) {
  Generator& g = generator ? *generator : default_generator();
  const uint64_t seed = g.seed();
  return {n, seed, g.reserve(n)};
}

}  // namespace

Tensor rand(const Shape& shape, DType dtype, Generator* generator) {
  Tensor out = empty(shape, dtype);
  with_float(dtype, "rand", [&](auto type) {
    using T = decltype(type);
    kernels::UniformArgs<T> args;
    args.range = reserve(generator, out.numel());
    args.y = out.data<T>();
    kernels::uniform(args);
  });
  return out;
}

Tensor randn(const Shape& shape, DType dtype, Generator* generator) {
  Tensor out = empty(shape, dtype);
  with_float(dtype, "randn", [&](auto type) {
    using T = decltype(type);
    kernels::NormalArgs<T> args;
    args.range = reserve(generator, out.numel());
    args.y = out.data<T>();
    kernels::normal(args);
  });
  return out;
}

Tensor randint(int64_t low, int64_t high, const Shape& shape, Generator* generator) {
  if (low >= high) raise<ConfigError>("randint: there is no integer in [{}, {}).", low, high);
  Tensor out = empty(shape, DType::kI64);
  kernels::integers({reserve(generator, out.numel()), out.data<int64_t>(), low, high});
  return out;
}

namespace {

// x and y are dense in the same order; element i of memory gets mask bit i.
void run_dropout(const Tensor& x, const Tensor& y, const kernels::RandomRange& range, double p) {
  with_float(x.dtype(), "dropout", [&](auto type) {
    using T = decltype(type);
    kernels::dropout(kernels::DropoutArgs<T>{range, x.data<T>(), y.data<T>(), p});
  });
}

}  // namespace

namespace {

// x times the mask that `range` draws for memory of this layout. The gradient is the same of g.
Tensor dropout_with(const Tensor& x, const kernels::RandomRange& range, double p,
                    const Layout& layout) {
  Tensor out = make_tensor(Storage::allocate(static_cast<size_t>(x.numel()) * item_size(x.dtype())),
                           x.dtype(), layout);
  {
    const NoGrad no_grad;
    const bool in_order = x.is_dense() && x.strides() == out.strides();
    if (!in_order) out.copy_(x);
    run_dropout(in_order ? x : out, out, range, p);
  }
  if (needs_grad(x))
    set_gradient(
        "dropout", out, {&x},
        [range, p, layout](GradContext& c) { c.set(0, dropout_with(c.grad(), range, p, layout)); },
        Formula::kComposed);
  return out;
}

}  // namespace

Tensor dropout(const Tensor& x, double p, bool training) {
  if (!(p >= 0 && p <= 1))
    raise<ConfigError>(
        "dropout: p = {} is no probability. Hint: the share that is dropped, such as 0.5.", p);
  if (!training || p == 0) return x;
  const kernels::RandomRange range = reserve(nullptr, x.numel());
  const Layout row_major{x.shape(), contiguous_strides(x.shape()), 0};
  return dropout_with(x, range, p, x.is_dense() ? Layout{x.shape(), x.strides(), 0} : row_major);
}

// ---- the table

namespace {

std::vector<Sample> dropout_samples(SampleMaker& m) {
  const auto run = [](double p, bool training) {
    return [p, training](const std::vector<Tensor>& t) {
      const GeneratorState before = default_generator().state();
      default_generator().manual_seed(7);
      Tensor out = dropout(t[0], p, training);
      default_generator().set_state(before);
      return out;
    };
  };
  return {{"half", {m.normal({5, 7})}, run(0.5, true)},
          {"evaluation", {m.normal({3})}, run(0.5, false)},
          {"everything", {m.normal({3})}, run(1, true)}};
}
std::vector<ErrorCase> dropout_errors() {
  return {{"p", [] { dropout(zeros({2}), 1.5); }, "p = 1.5 is no probability"}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 2);
}

const OpInfo kTable[] = {
    {"dropout", "dropout(x, p, training)", "x / (1 - p) with probability 1 - p, else 0",
     "the same mask on g", "seed and offset of the mask", "dropout", dropout_samples, cost,
     dropout_errors},
};

}  // namespace

std::span<const OpInfo> random_ops() {
  return kTable;
}

}  // namespace tinytorch
