// Tasks 3.8 and 3.9: layers around the kernels.
#include <cmath>

#include "modules/harness/check.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/conv.h"

namespace tinytorch::check {

namespace {

std::vector<double> of(const Tensor& x) {
  return doubles(to_vector<float>(x));
}

Tensor input(const Shape& shape, uint32_t seed) {
  return from_vector(numbers(static_cast<size_t>(shape.product()), seed), shape);
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

// The values look like draws from U(-bound, bound).
void check_uniform(const std::string& what, const std::vector<double>& x, double bound,
                   const std::vector<std::pair<double, std::string>>& other_bounds) {
  double least = x[0], most = x[0], sum = 0, squares = 0;
  for (const double v : x) {
    least = std::min(least, v), most = std::max(most, v);
    sum += v, squares += v * v;
  }
  const double n = static_cast<double>(x.size()), reach = std::max(-least, most);
  const std::string seen = what + " lies in [" + std::to_string(least) + ", " +
                           std::to_string(most) + "], expected [-" + std::to_string(bound) + ", " +
                           std::to_string(bound) + "]";
  std::string cause = "the bound is 1 / sqrt(fan_in), on both sides of 0";
  if (reach > 100)
    cause = "it holds what was in memory before: nothing was drawn";
  else if (least == most)
    cause = "all values are the same: nothing is drawn";
  else if (least >= 0)
    cause = "no value is negative: draw from -bound to bound";
  else
    for (const auto& [other, why] : other_bounds)
      if (reach <= other && reach > 0.95 * other) cause = why;
  that(reach <= bound * 1.0001 && least < -0.9 * bound && most > 0.9 * bound, seen, cause);
  that(std::abs(sum / n) < 5 * bound / std::sqrt(3 * n) &&
           std::abs(squares / n - bound * bound / 3) < 5 * bound * bound * std::sqrt(4 / 45.0 / n),
       seen + ", unevenly", "the values are not spread evenly: this is no uniform distribution");
}

}  // namespace

// ---- 3.8

TASK_TEST(conv_parameters, have_the_shapes_of_the_kernel) {
  const NoGrad no_grad;
  const nn::Conv2d layer(6, 4, 3, {.groups = 2});
  const std::string weight = layer.weight.shape().str();
  std::string cause = "the weight is (out, in / groups, kernel, kernel)";
  if (weight == "[4, 6, 3, 3]")
    cause = "an output reads the channels of its group only: in / groups";
  if (weight == "[6, 2, 3, 3]" || weight == "[3, 4, 3, 3]" || weight == "[6, 4, 3, 3]")
    cause = "input and output channels are exchanged";
  if (weight == "[2, 3, 3, 3]" || weight == "[2, 6, 3, 3]")
    cause = "the groups divide the input channels, not the output channels";
  that(layer.weight.shape() == Shape{4, 3, 3, 3},
       "the weight of Conv2d(6, 4, 3) in 2 groups is " + weight + ", expected [4, 3, 3, 3]", cause);
  that(layer.bias.defined() && layer.bias.shape() == Shape{4},
       "its bias is " + (layer.bias.defined() ? layer.bias.shape().str() : "undefined") +
           ", expected [4]",
       "one number for each output channel");
}

TASK_TEST(conv_parameters, are_registered) {
  const NoGrad no_grad;
  const nn::Conv2d layer(2, 3, 3), without(2, 3, 3, {.bias = false});
  std::string names;
  for (const auto& [name, tensor] : layer.named_parameters()) names += name + " ";
  that(names == "weight bias ", "the parameters of Conv2d(2, 3, 3) are: " + names,
       "weight and bias, in this order, by register_parameter: what is not registered is never "
       "trained or saved");
  that(layer.parameters()[0].is_same(layer.weight) && layer.parameters()[1].is_same(layer.bias),
       "the members weight and bias are not the registered tensors",
       "register_parameter gives the tensor back: keep that");
  that(!without.bias.defined() && without.parameters().size() == 1,
       "Conv2d(2, 3, 3) without bias has one", "bias stays undefined where options ask for none");
}

TASK_TEST(conv_parameters, of_the_weight) {
  const NoGrad no_grad;
  manual_seed(8);
  const double bound = 1 / std::sqrt(4 * 25.0);
  check_uniform("the weight of Conv2d(4, 50, 5)", of(nn::Conv2d(4, 50, 5).weight), bound,
                {{1 / std::sqrt(4.0),
                  "fan_in is more than the channels: each output sums over "
                  "channels and taps"},
                 {1 / std::sqrt(25.0),
                  "fan_in is more than the taps: each output sums over channels "
                  "and taps"},
                 {1 / std::sqrt(50 * 25.0), "this is fan_out: count what goes into one output"},
                 {1 / std::sqrt(50.0), "this is the number of output channels"},
                 {1 / 100.0, "the square root is missing in the bound"},
                 {std::sqrt(6 / 100.0), "this is another rule (He): the bound is 1 / sqrt(fan_in)"},
                 {1, "the bound is 1: it must shrink as the kernel grows"}});
}

TASK_TEST(conv_parameters, of_the_weight_of_groups) {
  const NoGrad no_grad;
  manual_seed(9);
  check_uniform(
      "the weight of Conv2d(16, 64, 3) in 8 groups",
      of(nn::Conv2d(16, 64, 3, {.groups = 8}).weight), 1 / std::sqrt(2 * 9.0),
      {{1 / std::sqrt(16 * 9.0), "with groups an output sums over in / groups channels"}});
}

TASK_TEST(conv_parameters, of_the_bias) {
  const NoGrad no_grad;
  manual_seed(10);
  {  // what was in memory before is no bias: leave something there
    const Tensor dirt = full({3000}, 1e9);
  }
  check_uniform("the bias of Conv2d(1, 3000, 2)", of(nn::Conv2d(1, 3000, 2).bias), 0.5, {});
}

TASK_TEST(conv_parameters, draw_the_weight_first) {
  const NoGrad no_grad;
  manual_seed(11);
  const nn::Conv2d with(2, 3, 3);
  manual_seed(11);
  const nn::Conv2d without(2, 3, 3, {.bias = false});
  that(of(with.weight) == of(without.weight),
       "the weight depends on whether there is a bias, with the same seed",
       "the bias is drawn before the weight");
}

// ---- 3.9

namespace {

// Convolution in double precision with one option for both axes.
std::vector<double> convolved(const Tensor& x, const nn::Conv2d& layer,
                              const nn::Conv2d::Options& o) {
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  const int64_t out = layer.weight.size(0), in = layer.weight.size(1), k = layer.weight.size(2);
  const int64_t oh = (h + 2 * o.padding - o.dilation * (k - 1) - 1) / o.stride + 1;
  const int64_t ow = (w + 2 * o.padding - o.dilation * (k - 1) - 1) / o.stride + 1;
  const std::vector<double> xs = of(x), ws = of(layer.weight);
  const std::vector<double> b = layer.bias.defined() ? of(layer.bias) : std::vector<double>{};
  std::vector<double> y;
  for (int64_t image = 0; image < n; ++image)
    for (int64_t channel = 0; channel < out; ++channel)
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j) {
          double sum = b.empty() ? 0 : b[static_cast<size_t>(channel)];
          const int64_t first = channel / (out / o.groups) * in;
          for (int64_t s = 0; s < in; ++s)
            for (int64_t p = 0; p < k; ++p)
              for (int64_t q = 0; q < k; ++q) {
                const int64_t row = i * o.stride + p * o.dilation - o.padding;
                const int64_t col = j * o.stride + q * o.dilation - o.padding;
                if (row < 0 || row >= h || col < 0 || col >= w) continue;
                sum += xs[static_cast<size_t>(((image * c + first + s) * h + row) * w + col)] *
                       ws[static_cast<size_t>(((channel * in + s) * k + p) * k + q)];
              }
          y.push_back(sum);
        }
  return y;
}

const char* const kLayer =
    "2. Output (o, i, j) takes each tap of each channel of its group once; "
    "what lies outside of the image is 0";

}  // namespace

TASK_TEST(conv_layer, uses_its_options) {
  const NoGrad no_grad;
  const nn::Conv2d::Options options{.stride = 2, .padding = 1, .dilation = 1, .groups = 2};
  nn::Conv2d layer(4, 6, 3, options);
  const Tensor x = input({2, 4, 7, 6}, 71);
  const Tensor y = layer.forward(x);
  that(y.shape() == Shape{2, 6, 4, 3},
       "Conv2d(4, 6, 3, stride 2, padding 1) of [2, 4, 7, 6] has shape " + y.shape().str() +
           ", expected [2, 6, 4, 3]",
       "the layer's options must reach the operation");
  std::vector<double> no_bias = convolved(x, layer, options);
  for (size_t i = 0; i < no_bias.size(); ++i) no_bias[i] -= of(layer.bias)[i / 12 % 6];
  values({.what = "Conv2d(4, 6, 3, stride 2, padding 1, 2 groups) of [2, 4, 7, 6]",
          .got = of(y),
          .expected = convolved(x, layer, options),
          .shape = {2, 6, 4, 3},
          .tolerance = 1e-5,
          .invariant = kLayer,
          .mistakes = {{no_bias, "the bias is not passed on"}}});
}

TASK_TEST(conv_layer, with_an_activation) {
  const NoGrad no_grad;
  nn::Conv2d layer(2, 3, 2);
  const Tensor x = input({1, 2, 4, 4}, 72);
  const std::vector<double> plain = convolved(x, layer, {});
  std::vector<double> clipped = plain;
  for (double& v : clipped) v = std::max(v, 0.0);
  values({.what = "Conv2d(2, 3, 2) with ReLU",
          .got = of(layer.forward(x, Fused::kRelu)),
          .expected = clipped,
          .shape = {1, 3, 3, 3},
          .tolerance = 1e-5,
          .invariant = kLayer,
          .mistakes = {{plain, "the activation is left out"}}});
}

TASK_TEST(conv_layer, lets_gradients_through) {
  unless_unwritten([] {
    nn::Conv2d layer(1, 2, 2);
    Tensor x = input({1, 1, 3, 3}, 73);
    x.set_requires_grad();
    layer.forward(x).sum().backward();
    const char* const cut = "no gradient arrives: the graph is cut";
    const auto gradient = [](const Tensor& t) {
      return t.grad().defined() ? of(t.grad()) : std::vector<double>{};
    };
    values({.what = "the bias's gradient of the sum over 2 x 2 outputs",
            .got = gradient(layer.bias),
            .expected = {4, 4},
            .invariant = kLayer,
            .mistakes = {{{}, cut}}});
    const std::vector<double> in = of(x);
    std::vector<double> dw;
    for (int o = 0; o < 2; ++o)
      for (size_t p = 0; p < 2; ++p)
        for (size_t q = 0; q < 2; ++q)
          dw.push_back(in[p * 3 + q] + in[p * 3 + q + 1] + in[(p + 1) * 3 + q] +
                       in[(p + 1) * 3 + q + 1]);
    values({.what = "the weight's gradient",
            .got = gradient(layer.weight),
            .expected = dw,
            .tolerance = 1e-5,
            .invariant = kLayer,
            .mistakes = {{{}, cut}}});
  });
}

TASK_TEST(pool_layers, take_the_maximum_and_the_average) {
  const NoGrad no_grad;
  const Tensor x = Tensor::of({1, 2, 5, 6, 3, 4, 7, 8}, Shape{1, 1, 2, 4});
  values({.what = "MaxPool2d(2) of [1 2 5 6; 3 4 7 8]",
          .got = of(nn::MaxPool2d(2).forward(x)),
          .expected = {4, 8},
          .invariant = "5. A maximum is one of the window's elements",
          .mistakes = {{{2.5, 6.5}, "this is the average"}, {of(x), "the input is given back"}}});
  values({.what = "AvgPool2d(2) of [1 2 5 6; 3 4 7 8]",
          .got = of(nn::AvgPool2d(2).forward(x)),
          .expected = {2.5, 6.5},
          .invariant = "6. An average divides by what it counts",
          .mistakes = {{{4, 8}, "this is the maximum"}, {of(x), "the input is given back"}}});
}

TASK_TEST(pool_layers, use_their_options) {
  const NoGrad no_grad;
  const Tensor x = input({1, 2, 7, 7}, 74);
  for (const bool max : {true, false}) {
    nn::MaxPool2d maximum(3, 2, 1);
    nn::AvgPool2d average(3, 2, 1);
    const Tensor y = max ? maximum.forward(x) : average.forward(x);
    that(y.shape() == Shape{1, 2, 4, 4},
         std::string(max ? "MaxPool2d" : "AvgPool2d") + "(3, 2, 1) of [1, 2, 7, 7] has shape " +
             y.shape().str() + ", expected [1, 2, 4, 4]",
         "stride and padding must reach the operation");
  }
}

TASK_TEST(pool_layers, let_gradients_through) {
  unless_unwritten([] {
    Tensor x = input({1, 1, 4, 4}, 75);
    x.set_requires_grad();
    nn::AvgPool2d(2).forward(x).sum().backward();
    const char* const cut = "no gradient arrives: the graph is cut";
    values({.what = "the gradient through AvgPool2d(2)",
            .got = x.grad().defined() ? of(x.grad()) : std::vector<double>{},
            .expected = std::vector<double>(16, 0.25),
            .tolerance = 1e-6,
            .invariant = "6. An average divides by what it counts",
            .mistakes = {{{}, cut}}});
    Tensor z = Tensor::of({1, 2, 4, 3}, Shape{1, 1, 2, 2});
    z.set_requires_grad();
    nn::MaxPool2d(2).forward(z).sum().backward();
    values({.what = "the gradient through MaxPool2d(2) of [1 2; 4 3]",
            .got = z.grad().defined() ? of(z.grad()) : std::vector<double>{},
            .expected = {0, 0, 1, 0},
            .invariant = "5. A maximum is one of the window's elements",
            .mistakes = {{{}, cut}}});
  });
}

}  // namespace tinytorch::check
