// Tasks 2.9 to 2.11, against sums in double precision and the moments of the uniform distribution.
#include "tinytorch/nn/linear.h"

#include <cmath>

#include "modules/harness/check.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/random.h"

namespace tinytorch::check {

namespace {

std::string text_of(double x) {
  return std::to_string(x);
}

// n values look like draws from U(-bound, bound): none outside, some near both ends, a mean and a
// mean square within five deviations of theirs.
void check_uniform(const std::string& what, const std::vector<double>& x, double bound,
                   double fan_in, double fan_out) {
  const double n = static_cast<double>(x.size());
  double least = x[0], most = x[0], sum = 0, squares = 0;
  for (const double v : x) {
    least = std::min(least, v), most = std::max(most, v);
    sum += v, squares += v * v;
  }
  const std::string seen = what + " lies in [" + text_of(least) + ", " + text_of(most) +
                           "], expected [-" + text_of(bound) + ", " + text_of(bound) + "]";
  const double reach = std::max(-least, most);
  const auto about = [&](double other) { return reach <= other && reach > 0.93 * other; };
  std::string cause = "the bound is 1 / sqrt(in_features), on both sides of 0";
  if (reach > 100)
    cause = "it holds what was in memory before: nothing was drawn";
  else if (least == most)
    cause = "all values are the same: nothing is drawn";
  else if (reach > 2.5 * std::sqrt(squares / n))
    cause = "some values lie far out: this is no uniform distribution";
  else if (least >= 0)
    cause = "no value is negative: draw from -bound to bound";
  else if (about(1 / std::sqrt(fan_out)))
    cause =
        "the bound is that of out_features: the weight is (out, in), so in_features is its "
        "second size";
  else if (about(1 / fan_in))
    cause = "the square root is missing in the bound";
  else if (about(std::sqrt(6 / fan_in)) || about(std::sqrt(6 / (fan_in + fan_out))))
    cause = "this is another rule (He or Glorot): here the bound is 1 / sqrt(in_features)";
  else if (about(1))
    cause = "the bound is 1: it must shrink as the layer grows";
  const double mean_tolerance = 5 * bound / std::sqrt(3 * n);
  const double square_tolerance = 5 * bound * bound * std::sqrt(4 / 45.0 / n);
  const bool inside = reach <= bound * 1.0001 && least < -0.9 * bound && most > 0.9 * bound;
  that(inside, seen, cause);
  that(std::abs(sum / n) < mean_tolerance &&
           std::abs(squares / n - bound * bound / 3) < square_tolerance,
       seen + ", but its mean is " + text_of(sum / n) + " and its mean square " +
           text_of(squares / n),
       "the values are not spread evenly over the interval: this is no uniform distribution");
}

std::vector<double> of(const Tensor& x) {
  return doubles(to_vector<float>(x));
}

// x W^T + b in double precision; x holds `rows` rows.
std::vector<double> product(const std::vector<double>& x, const nn::Linear& layer, size_t rows) {
  const std::vector<double> w = of(layer.weight);
  const auto out = static_cast<size_t>(layer.weight.size(0)),
             in = static_cast<size_t>(layer.weight.size(1));
  std::vector<double> y;
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < out; ++o) {
      double sum = layer.bias.defined() ? of(layer.bias)[o] : 0;
      for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[o * in + i];
      y.push_back(sum);
    }
  return y;
}

// What module 4 is asked to write is no fault of this module: a run of `f` that ends at one of its
// tasks says nothing.
template <class F>
void unless_unwritten(const F& f) {
  try {
    f();
  } catch (const NotImplemented& e) {
    take_not_implemented();
    if (!std::string(e.what()).starts_with("Task 4.")) throw;
  }
}

const char* const kLinear = "y = x W^T + b over the last dimension of x";

Tensor input(const Shape& shape, uint32_t seed) {
  return from_vector(numbers(static_cast<size_t>(shape.product()), seed), shape);
}

}  // namespace

// ---- 2.9

TASK_TEST(initialisation, of_the_weight) {
  const NoGrad no_grad;
  manual_seed(3);
  check_uniform("the weight of Linear(400, 100)", of(nn::Linear(400, 100).weight),
                1 / std::sqrt(400.0), 400, 100);
}

TASK_TEST(initialisation, of_the_bias) {
  const NoGrad no_grad;
  manual_seed(4);
  {  // what was in memory before is no bias: leave something there
    const Tensor dirt = full({3000}, 1e9);
  }
  const nn::Linear layer(9, 3000);
  check_uniform("the bias of Linear(9, 3000)", of(layer.bias), 1 / 3.0, 9, 3000);
}

TASK_TEST(initialisation, differs_from_layer_to_layer) {
  const NoGrad no_grad;
  manual_seed(5);
  const nn::Linear a(20, 30), b(20, 30);
  that(
      of(a.weight) != of(b.weight), "two layers start with the same weight",
      "every draw must go on in the default generator: seeding it anew gives all layers one start");
  manual_seed(5);
  const nn::Linear again(20, 30);
  that(of(a.weight) == of(again.weight), "the same seed gives another weight",
       "the numbers must come from the default generator and nowhere else");
}

TASK_TEST(initialisation, draws_the_weight_first) {
  const NoGrad no_grad;
  manual_seed(6);
  const nn::Linear with(12, 8);
  manual_seed(6);
  const nn::Linear without(12, 8, false);
  that(of(with.weight) == of(without.weight),
       "the weight depends on whether there is a bias, with the same seed",
       "the bias is drawn before the weight");
  that(!without.bias.defined(), "a Linear without bias has one", "");
}

TASK_TEST(initialisation, leaves_no_graph) {
  const NoGrad no_grad;
  nn::Linear layer(3, 4);
  layer.forward(ones({1, 3}));
  that(layer.weight.is_leaf() && layer.weight.requires_grad(), "the weight is no leaf any more",
       "values are written in place without a graph: init::uniform_ does that");
  that(layer.parameters().size() == 2 && layer.parameters()[0].is_same(layer.weight),
       "the layer's weight is not the parameter that is registered",
       "a new tensor took the weight's place: fill the one that is there");
}

// ---- 2.10

TASK_TEST(linear, of_a_batch) {
  const NoGrad no_grad;
  nn::Linear layer(5, 3);
  const Tensor x = input({4, 5}, 1);
  const std::vector<double> y = product(of(x), layer, 4);
  std::vector<double> no_bias = y;
  for (size_t i = 0; i < y.size(); ++i) no_bias[i] -= of(layer.bias)[i % 3];
  std::vector<double> zero(y.size(), 0.0), bias_only;
  for (size_t i = 0; i < y.size(); ++i) bias_only.push_back(of(layer.bias)[i % 3]);
  values({.what = "Linear(5, 3) of [4, 5]",
          .got = of(layer.forward(x)),
          .expected = y,
          .shape = {4, 3},
          .tolerance = 1e-5,
          .invariant = kLinear,
          .mistakes = {{no_bias, "the bias is not added"},
                       {zero, "the result is 0"},
                       {bias_only, "only the bias arrives"}}});
}

TASK_TEST(linear, of_a_square_layer) {
  const NoGrad no_grad;
  nn::Linear layer(4, 4, false);
  const Tensor x = input({3, 4}, 2);
  const std::vector<double> w = of(layer.weight), in = of(x);
  std::vector<double> untransposed;
  for (size_t r = 0; r < 3; ++r)
    for (size_t o = 0; o < 4; ++o) {
      double sum = 0;
      for (size_t i = 0; i < 4; ++i) sum += in[r * 4 + i] * w[i * 4 + o];
      untransposed.push_back(sum);
    }
  values({.what = "Linear(4, 4) without bias of [3, 4]",
          .got = of(layer.forward(x)),
          .expected = product(in, layer, 3),
          .shape = {3, 4},
          .tolerance = 1e-5,
          .invariant = kLinear,
          .mistakes = {{untransposed, "x W instead of x W^T: the weight is (out, in)"},
                       {in, "the input itself is given back"}}});
}

TASK_TEST(linear, of_one_vector_and_of_three_dimensions) {
  const NoGrad no_grad;
  nn::Linear layer(5, 2);
  for (const Shape& shape : {Shape{5}, Shape{2, 3, 5}}) {
    const Tensor x = input(shape, 3);
    const Tensor y = layer.forward(x);
    Shape expected = shape;
    expected[shape.rank() - 1] = 2;
    that(y.shape() == expected,
         "Linear(5, 2) of " + shape.str() + " has shape " + y.shape().str() + ", expected " +
             expected.str(),
         "all dimensions but the last are kept");
    values({.what = "Linear(5, 2) of " + shape.str(),
            .got = of(y),
            .expected = product(of(x), layer, static_cast<size_t>(x.numel() / 5)),
            .tolerance = 1e-5,
            .invariant = kLinear});
  }
}

TASK_TEST(linear, with_an_activation) {
  const NoGrad no_grad;
  nn::Linear layer(6, 4);
  const Tensor x = input({5, 6}, 4);
  const std::vector<double> plain = product(of(x), layer, 5);
  for (const Fused fused : {Fused::kRelu, Fused::kGelu, Fused::kGeluTanh}) {
    std::vector<double> expected;
    for (const double v : plain)
      expected.push_back(
          fused == Fused::kRelu ? std::max(v, 0.0)
          : fused == Fused::kGelu
              ? 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)))
              : 0.5 * v *
                    (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (v + 0.044715 * v * v * v))));
    values({.what = std::string("Linear(6, 4) with ") + (fused == Fused::kRelu   ? "ReLU"
                                                         : fused == Fused::kGelu ? "GELU"
                                                                                 : "tanh GELU"),
            .got = of(layer.forward(x, fused)),
            .expected = expected,
            .shape = {5, 4},
            .tolerance = 1e-5,
            .invariant = kLinear,
            .mistakes = {{plain, "the activation is left out"}}});
  }
}

TASK_TEST(linear, lets_gradients_through) {
  unless_unwritten([] {
    nn::Linear layer(3, 2);
    Tensor x = input({4, 3}, 5);
    x.set_requires_grad();
    layer.forward(x).sum().backward();
    const auto gradient = [](const Tensor& t) {
      return t.grad().defined() ? of(t.grad()) : std::vector<double>{};
    };
    const std::vector<double> in = of(x), w = of(layer.weight);
    std::vector<double> dw, dx;
    for (size_t o = 0; o < 2; ++o)
      for (size_t i = 0; i < 3; ++i) dw.push_back(in[i] + in[3 + i] + in[6 + i] + in[9 + i]);
    for (size_t r = 0; r < 4; ++r)
      for (size_t i = 0; i < 3; ++i) dx.push_back(w[i] + w[3 + i]);
    const char* const cut =
        "no gradient arrives: the graph is cut (NoGrad, detach, or new memory "
        "filled by hand)";
    values({.what = "the weight's gradient of the sum of Linear(3, 2)",
            .got = gradient(layer.weight),
            .expected = dw,
            .tolerance = 1e-5,
            .invariant = kLinear,
            .mistakes = {{{}, cut}}});
    values({.what = "the bias's gradient",
            .got = gradient(layer.bias),
            .expected = {4, 4},
            .invariant = kLinear,
            .mistakes = {{{}, cut}}});
    values({.what = "the input's gradient",
            .got = gradient(x),
            .expected = dx,
            .tolerance = 1e-5,
            .invariant = kLinear,
            .mistakes = {{{}, cut}}});
  });
}

TASK_TEST(linear, copies_no_operand) {
  const NoGrad no_grad;
  nn::Linear layer(64, 32);
  const Tensor x = input({8, 64}, 6);
  layer.forward(x);
  const int64_t before = memory_stats().allocations;
  layer.forward(x);
  const int64_t taken = memory_stats().allocations - before;
  that(taken <= 2, "a forward took " + std::to_string(taken) + " new tensors, at most 2 are needed",
       "an operand is copied: the product reads a transposed weight in place");
}

// ---- 2.11

TASK_TEST(mlp, is_linear_and_relu_in_turns) {
  const NoGrad no_grad;
  std::string got;
  for (const auto& [name, child] : nn::Mlp({6, 5, 4, 3}).children())
    got += (got.empty() ? "" : ", ") + std::string(child->kind()) + " " + child->describe();
  std::string cause =
      "each size but the last is the input of a Linear to the next size, with a ReLU "
      "between two of them";
  const std::string a = "Linear 6 -> 5", b = "Linear 5 -> 4", c = "Linear 4 -> 3";
  if (got == a + ", ReLU , " + b + ", ReLU , " + c + ", ReLU ")
    cause = "a ReLU follows the last layer: logits must be free to be negative";
  if (got == "ReLU , " + a + ", ReLU , " + b + ", ReLU , " + c)
    cause = "a ReLU stands before the first layer";
  if (got == a + ", " + b + ", " + c)
    cause = "the ReLUs are missing: linear layers alone are one linear layer";
  if (got == a + ", ReLU , " + b) cause = "the last layer is missing";
  if (got.empty()) cause = "there is no layer";
  that(got == a + ", ReLU , " + b + ", ReLU , " + c, "Mlp({6, 5, 4, 3}) is: " + got, cause);
}

TASK_TEST(mlp, names_its_parameters_as_a_sequential) {
  const NoGrad no_grad;
  std::string got;
  for (const auto& [name, tensor] : nn::Mlp({4, 3, 2}).named_parameters())
    got += name + " " + tensor.shape().str() + " ";
  that(got == "0.weight [3, 4] 0.bias [3] 2.weight [2, 3] 2.bias [2] ",
       "the parameters of Mlp({4, 3, 2}) are: " + got,
       "layers are pushed in order; the ReLU between two takes a number too");
}

TASK_TEST(mlp, computes_what_its_layers_say) {
  const NoGrad no_grad;
  nn::Mlp net({5, 4, 3});
  const Tensor x = input({6, 5}, 7);
  const auto& first = dynamic_cast<const nn::Linear&>(net[0]);
  const auto& last = dynamic_cast<const nn::Linear&>(net[2]);
  std::vector<double> hidden = product(of(x), first, 6);
  const std::vector<double> linear_only = product(hidden, last, 6);
  for (double& v : hidden) v = std::max(v, 0.0);
  std::vector<double> y = product(hidden, last, 6), clipped = y;
  for (double& v : clipped) v = std::max(v, 0.0);
  values({.what = "Mlp({5, 4, 3}) of [6, 5]",
          .got = of(net.forward(x)),
          .expected = y,
          .shape = {6, 3},
          .tolerance = 1e-5,
          .invariant = "6. A layer sees the output of the layer before it, and nothing else",
          .mistakes = {{linear_only, "the ReLU is missing"}, {clipped, "the logits are clipped"}}});
}

TASK_TEST(mlp, flattens_images) {
  const NoGrad no_grad;
  nn::Mlp net({12, 3});
  const Tensor x = input({4, 3, 2, 2}, 8);
  const Tensor y = net.forward(x);
  that(y.shape() == Shape{4, 3},
       "Mlp({12, 3}) of [4, 3, 2, 2] has shape " + y.shape().str() + ", expected [4, 3]",
       "flatten from dimension 1 on: the batch dimension stays");
  values({.what = "Mlp({12, 3}) of four images",
          .got = of(y),
          .expected = product(of(x), dynamic_cast<const nn::Linear&>(net[0]), 4),
          .tolerance = 1e-5,
          .invariant = "6. A layer sees the output of the layer before it, and nothing else"});
}

TASK_TEST(mlp, takes_one_row_without_a_batch) {
  const NoGrad no_grad;
  nn::Mlp net({5, 2});
  that(net.forward(input({5}, 9)).shape() == Shape{2}, "Mlp({5, 2}) of [5] is not of shape [2]",
       "with one or two dimensions there is nothing to flatten");
}

TASK_TEST(mlp, lets_gradients_through) {
  unless_unwritten([] {
    nn::Mlp net({4, 6, 2});
    net.forward(input({5, 4}, 10)).sum().backward();
    for (const auto& [name, p] : net.named_parameters()) {
      double size = 0;
      if (p.grad().defined())
        for (const double v : of(p.grad())) size += std::abs(v);
      that(size > 0, "no gradient reaches " + name, "the graph is cut between the layers");
    }
  });
}

}  // namespace tinytorch::check
