#include "tests/golden/random_maker.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/statistics.h"

namespace tinytorch::golden {

namespace {

void pointwise_cases(Maker& m) {
  m.unary("neg", "-t[0]", neg);
  m.unary("exp", "t[0].exp()", exp);
  m.unary("log", "t[0].log()", log, 0.1);
  m.unary("sqrt", "t[0].sqrt()", sqrt, 0.1);
  m.unary("rsqrt", "t[0].rsqrt()", rsqrt, 0.1);
  m.unary("tanh", "t[0].tanh()", tanh);
  m.unary("sigmoid", "t[0].sigmoid()", sigmoid);
  m.unary("relu", "t[0].relu()", relu);
  m.unary("silu", "F.silu(t[0])", silu);
  m.unary("square", "t[0].square()", square);
  m.unary("gelu", "F.gelu(t[0])", [](const Tensor& x) { return gelu(x); });
  m.unary("gelu tanh", "F.gelu(t[0], approximate='tanh')",
          [](const Tensor& x) { return gelu(x, GeluForm::kTanh); });
  m.unary("clamp", "t[0].clamp(-1, 1.5)", [](const Tensor& x) { return clamp(x, -1, 1.5); });
  m.binary("add", "torch.add(t[0], t[1], alpha=1.5)",
           [](const Tensors& t) { return add(t[0], t[1], 1.5); });
  m.binary("sub", "t[0] - t[1]", [](const Tensors& t) { return t[0] - t[1]; });
  m.binary("mul", "t[0] * t[1]", [](const Tensors& t) { return t[0] * t[1]; });
  m.binary("div", "t[0] / t[1]", [](const Tensors& t) { return t[0] / t[1]; }, 0.5);
  m.binary("lt", "t[0] < t[1]", [](const Tensors& t) { return lt(t[0], t[1]); });
  m.add("where", 4, [](Random& r) {
    const Shape s = r.shape(1, 4);
    return RandomCase{"",
                      "torch.where(t[0], t[1], t[2])",
                      {r.booleans(r.broadcastable(s)), r.reals(s), r.reals(r.broadcastable(s))},
                      [](const Tensors& t) { return where(t[0], t[1], t[2]); }};
  });
  m.add("masked_fill", 3, [](Random& r) {
    const Shape s = r.shape(1, 4);
    return RandomCase{"",
                      "t[0].masked_fill(t[1], 0.75)",
                      {r.reals(s), r.booleans(r.broadcastable(s))},
                      [](const Tensors& t) { return masked_fill(t[0], t[1], 0.75); }};
  });
}

using Reduce = Tensor (*)(const Tensor&, std::span<const int64_t>, bool);
void reduction(Maker& m, const std::string& name, Reduce fn, int64_t smallest = 1) {
  m.add(name, 5, [&](Random& r) {
    Shape s = r.shape(1, 4);
    std::vector<int64_t> dims;
    for (int64_t d = 0; d < s.rank(); ++d)
      if (r.chance(2)) dims.push_back(r.chance(2) ? d : d - s.rank());
    if (dims.empty()) dims.push_back(0);
    for (int64_t d : dims) {  // a variance needs two elements
      int64_t& size = s[static_cast<int>(d < 0 ? d + s.rank() : d)];
      size = std::max(size, smallest);
    }
    const bool keep = r.chance(2);
    return RandomCase{
        "",
        fmt::format("torch.{}(t[0], dim={}, keepdim={})", name, python(dims), python(keep)),
        {r.reals(s)},
        [=](const Tensors& t) { return fn(t[0], dims, keep); }};
  });
}

void reduction_cases(Maker& m) {
  reduction(m, "sum",
            [](const Tensor& x, std::span<const int64_t> d, bool k) { return sum(x, d, k); });
  reduction(m, "mean",
            [](const Tensor& x, std::span<const int64_t> d, bool k) { return mean(x, d, k); });
  reduction(
      m, "var",
      [](const Tensor& x, std::span<const int64_t> d, bool k) { return var(x, d, true, k); }, 2);
  m.add("max of a dim", 4, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const int64_t dim = r.in(-s.rank(), s.rank() - 1);
    const bool keep = r.chance(2);
    return RandomCase{"",
                      fmt::format("t[0].max({}, keepdim={})[0]", dim, python(keep)),
                      {r.reals(s)},
                      [=](const Tensors& t) { return max(t[0], dim, keep).first; }};
  });
  m.add("argmax", 3, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const int64_t dim = r.in(-s.rank(), s.rank() - 1);
    return RandomCase{"", fmt::format("t[0].argmax({})", dim), {r.reals(s)}, [=](const Tensors& t) {
                        return argmax(t[0], dim);
                      }};
  });
  for (const bool logs : {false, true})
    m.add(logs ? "log_softmax" : "softmax", 4, [&](Random& r) {
      const Shape s = r.shape(1, 4, 9);
      const int64_t dim = r.in(-s.rank(), s.rank() - 1);
      return RandomCase{
          "",
          fmt::format("F.{}(t[0], {})", logs ? "log_softmax" : "softmax", dim),
          {r.reals(s, -6, 6)},
          [=](const Tensors& t) { return logs ? log_softmax(t[0], dim) : softmax(t[0], dim); }};
    });
}

void math_cases(Maker& m) {
  m.unary("abs", "t[0].abs()", abs);
  m.unary("sin", "t[0].sin()", sin);
  m.unary("elu", "F.elu(t[0], 0.7)", [](const Tensor& x) { return elu(x, 0.7); });
  m.unary("softplus", "F.softplus(t[0], 3, 4)", [](const Tensor& x) { return softplus(x, 3, 4); });
  m.unary(
      "pow of a number", "torch.pow(t[0], 2.3)", [](const Tensor& x) { return pow(x, 2.3); }, 0.1);
  m.binary("pow", "torch.pow(t[0], t[1])", [](const Tensors& t) { return pow(t[0], t[1]); }, 0.2);
  m.binary("maximum", "torch.maximum(t[0], t[1])",
           [](const Tensors& t) { return maximum(t[0], t[1]); });
  m.binary("logical_xor", "torch.logical_xor(t[0] > 0, t[1])",
           [](const Tensors& t) { return logical_xor(gt(t[0], 0), t[1]); });
  reduction(
      m, "std",
      [](const Tensor& x, std::span<const int64_t> d, bool k) { return std(x, d, true, k); }, 2);
  reduction(m, "linalg.vector_norm",
            [](const Tensor& x, std::span<const int64_t> d, bool k) { return norm(x, 2, d, k); });
  reduction(m, "logsumexp",
            [](const Tensor& x, std::span<const int64_t> d, bool k) { return logsumexp(x, d, k); });
  reduction(m, "amin",
            [](const Tensor& x, std::span<const int64_t> d, bool k) { return amin(x, d, k); });
  for (const bool product : {false, true})
    m.add(product ? "prod" : "cumsum", 4, [&](Random& r) {
      const Shape s = r.shape(1, 4, 7);
      const int64_t dim = r.in(-s.rank(), s.rank() - 1);
      return RandomCase{
          "",
          fmt::format("t[0].{}({})", product ? "prod" : "cumsum", dim),
          {r.reals(s)},
          [=](const Tensors& t) { return product ? prod(t[0], dim) : cumsum(t[0], dim); }};
    });
}

void view_cases(Maker& m) {
  m.add("permute, narrow, add a transpose", 4, [](Random& r) {
    const Shape s = r.shape(3, 3);
    const int64_t length = r.in(1, s[2]), start = r.in(0, s[2] - length);
    return RandomCase{
        "",
        fmt::format("t[0].permute(2, 0, 1).narrow(0, {}, {}) * 2 + t[1].transpose(1, 2)", start,
                    length),
        {r.reals(s), r.reals({length, s[1], s[0]})},
        [=](const Tensors& t) {
          return t[0].permute({2, 0, 1}).narrow(0, start, length) * 2 + t[1].transpose(1, 2);
        }};
  });
  m.add("slice with steps", 4, [](Random& r) {
    const Shape s = r.shape(2, 3, 9);
    const int64_t start = r.in(-s[1], s[1] - 1), step = r.in(1, 3);
    return RandomCase{
        "", fmt::format("t[0][:, {}::{}].exp()", start, step), {r.reals(s)}, [=](const Tensors& t) {
          return exp(t[0].slice(1, start, INT64_MAX, step));
        }};
  });
  m.add("expand and reshape", 3, [](Random& r) {
    const int64_t a = r.in(1, 4), b = r.in(1, 4), c = r.in(1, 4);
    return RandomCase{
        "",
        fmt::format("t[0].expand({0}, {1}, {2}).reshape({0}, -1) * t[1]", a, b, c),
        {r.reals({b, 1}), r.reals({b * c})},
        [=](const Tensors& t) { return t[0].expand({a, b, c}).reshape({a, -1}) * t[1]; }};
  });
  m.add("cat", 4, [](Random& r) {
    Shape s = r.shape(1, 4);
    const auto dim = static_cast<int>(r.in(0, s.rank() - 1));
    Tensors parts;
    for (int i = 0; i < 3; ++i) {
      s[dim] = r.in(0, 4);
      parts.push_back(r.reals(s));
    }
    return RandomCase{"", fmt::format("torch.cat(t, {})", dim), parts,
                      [=](const Tensors& t) { return cat(t, dim); }};
  });
  m.add("stack", 2, [](Random& r) {
    const Shape s = r.shape(0, 3);
    const int64_t dim = r.in(-s.rank() - 1, s.rank());
    return RandomCase{"",
                      fmt::format("torch.stack(t, {})", dim),
                      {r.reals(s), r.reals(s)},
                      [=](const Tensors& t) { return stack(t, dim); }};
  });
  m.add("pad", 4, [](Random& r) {
    const Shape s = r.shape(2, 4);
    std::vector<int64_t> amounts;
    for (int64_t i = 0; i < 4; ++i) amounts.push_back(r.in(0, 3));
    if (s[s.rank() - 1] > 2) amounts[0] = -1;
    return RandomCase{"",
                      fmt::format("F.pad(t[0], {}, value=0.5)", python(amounts)),
                      {r.reals(s)},
                      [=](const Tensors& t) { return pad(t[0], amounts, 0.5); }};
  });
  m.add("index_select", 3, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const auto dim = static_cast<int>(r.in(0, s.rank() - 1));
    return RandomCase{"",
                      fmt::format("t[0].index_select({}, t[1])", dim),
                      {r.reals(s), r.integers({r.in(1, 8)}, s[dim])},
                      [=](const Tensors& t) { return index_select(t[0], dim, t[1]); }};
  });
  m.add("gather", 3, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const auto dim = static_cast<int>(r.in(0, s.rank() - 1));
    Shape at;
    for (int d = 0; d < s.rank(); ++d) at.push_back(d == dim ? r.in(1, 7) : r.in(1, s[d]));
    return RandomCase{"",
                      fmt::format("t[0].gather({}, t[1])", dim),
                      {r.reals(s), r.integers(at, s[dim])},
                      [=](const Tensors& t) { return gather(t[0], dim, t[1]); }};
  });
  m.add("embedding", 2, [](Random& r) {
    const int64_t rows = r.in(1, 6);
    return RandomCase{"",
                      "F.embedding(t[1], t[0])",
                      {r.reals({rows, r.in(1, 9)}), r.integers(r.shape(1, 3), rows)},
                      [](const Tensors& t) { return embedding(t[0], t[1]); }};
  });
}

void product_cases(Maker& m) {
  m.add("matmul", 8, [](Random& r) {
    const int64_t k = r.in(1, 9);
    Shape batch = r.shape(0, 2, 3), a = r.broadcastable(batch), b = batch;
    if (r.chance(2)) std::swap(a, b);
    a.push_back(r.in(1, 9)), a.push_back(k);
    b.push_back(k), b.push_back(r.in(1, 9));
    return RandomCase{"", "t[0] @ t[1]", {r.reals(a), r.reals(b)}, [](const Tensors& t) {
                        return matmul(t[0], t[1]);
                      }};
  });
  m.add("linear", 6, [](Random& r) {
    const int64_t in = r.in(1, 20), out = r.in(1, 20);
    Shape s = r.shape(1, 3);
    s.push_back(in);
    const bool bias = r.chance(2);
    const auto act = static_cast<Fused>(r.in(0, 3));
    const char* names[] = {"{}", "F.relu({})", "F.gelu({})", "F.gelu({}, approximate='tanh')"};
    const std::string call = bias ? "F.linear(t[0], t[1], t[2])" : "F.linear(t[0], t[1])";
    Tensors inputs = {r.reals(s), r.reals({out, in})};
    if (bias) inputs.push_back(r.reals({out}));
    return RandomCase{
        "", fmt::format(fmt::runtime(names[static_cast<int>(act)]), call), inputs,
        [=](const Tensors& t) { return linear(t[0], t[1], bias ? t[2] : Tensor(), act); }};
  });
  m.add("attention", 5, [](Random& r) {
    const int64_t b = r.in(1, 2), h = r.in(1, 3), tq = r.in(1, 9), d = r.in(1, 10);
    const bool causal = r.chance(2);
    const int64_t tk = causal ? tq + r.in(0, 4) : r.in(1, 9);
    const std::string mask =
        causal ? fmt::format(" + torch.full(({0}, {1}), -math.inf).triu({1} - {0} + 1)", tq, tk)
               : "";
    return RandomCase{
        "",
        fmt::format("F.softmax(t[0] @ t[1].transpose(-2, -1) / math.sqrt({}){}, -1) @ t[2]", d,
                    mask),
        {r.reals({b, h, tq, d}), r.reals({b, h, tk, d}), r.reals({b, h, tk, d})},
        [=](const Tensors& t) {
          return scaled_dot_product_attention(t[0], t[1], t[2], causal, causal ? tk - tq : 0);
        }};
  });
}

struct Geometry {
  ConvOptions o;
  int64_t kernel[2], size[2];
  explicit Geometry(Random& r) {
    for (int i = 0; i < 2; ++i) {
      kernel[i] = r.in(1, 4);
      o.stride[i] = r.in(1, 3), o.padding[i] = r.in(0, 2), o.dilation[i] = r.in(1, 2);
      size[i] = o.dilation[i] * (kernel[i] - 1) + 1 + r.in(0, 5);
    }
  }
  std::string str() const {
    return fmt::format("stride=({}, {}), padding=({}, {}), dilation=({}, {})", o.stride[0],
                       o.stride[1], o.padding[0], o.padding[1], o.dilation[0], o.dilation[1]);
  }
};

void image_cases(Maker& m) {
  m.add("conv2d", 10, [](Random& r) {
    Geometry g(r);
    g.o.groups = r.in(1, 3);
    const int64_t in = g.o.groups * r.in(1, 3), out = g.o.groups * r.in(1, 4);
    const bool bias = r.chance(2);
    Tensors inputs = {r.reals({r.in(1, 3), in, g.size[0], g.size[1]}),
                      r.reals({out, in / g.o.groups, g.kernel[0], g.kernel[1]})};
    if (bias) inputs.push_back(r.reals({out}));
    return RandomCase{
        "",
        fmt::format("F.conv2d(t[0], t[1], {}, {}, groups={})", bias ? "t[2]" : "None", g.str(),
                    g.o.groups),
        inputs, [=](const Tensors& t) { return conv2d(t[0], t[1], bias ? t[2] : Tensor(), g.o); }};
  });
  m.add("conv2d_pool", 6, [](Random& r) {
    Geometry g(r);
    for (int i = 0; i < 2; ++i) g.size[i] += 2 * g.o.stride[i];
    const int64_t in = r.in(1, 3), out = r.in(1, 18);
    return RandomCase{
        "",
        fmt::format("F.max_pool2d(F.relu(F.conv2d(t[0], t[1], t[2], {})), 2)", g.str()),
        {r.reals({r.in(1, 3), in, g.size[0], g.size[1]}),
         r.reals({out, in, g.kernel[0], g.kernel[1]}), r.reals({out})},
        [=](const Tensors& t) { return conv2d_pool(t[0], t[1], t[2], g.o); }};
  });
  for (const bool largest : {true, false})
    m.add(largest ? "max_pool2d" : "avg_pool2d", 5, [&](Random& r) {
      PoolOptions o;
      Shape s = {r.in(1, 2), r.in(1, 5), 0, 0};
      for (int i = 0; i < 2; ++i) {
        o.kernel[i] = r.in(1, 4), o.stride[i] = r.in(1, 4), o.padding[i] = r.in(0, o.kernel[i] / 2);
        s[2 + i] = o.kernel[i] + r.in(0, 6);
      }
      o.count_include_pad = r.chance(2);
      std::string call = fmt::format("F.{}_pool2d(t[0], ({}, {}), ({}, {}), ({}, {})",
                                     largest ? "max" : "avg", o.kernel[0], o.kernel[1], o.stride[0],
                                     o.stride[1], o.padding[0], o.padding[1]);
      if (!largest) call += fmt::format(", count_include_pad={}", python(o.count_include_pad));
      return RandomCase{"", call + ")", {r.reals(s)}, [=](const Tensors& t) {
                          return largest ? max_pool2d(t[0], o) : avg_pool2d(t[0], o);
                        }};
    });
  m.add("adaptive_avg_pool2d", 3, [](Random& r) {
    const int64_t h = r.in(1, 5), w = r.in(1, 5);
    return RandomCase{"",
                      fmt::format("F.adaptive_avg_pool2d(t[0], ({}, {}))", h, w),
                      {r.reals({r.in(1, 2), r.in(1, 5), r.in(1, 9), r.in(1, 9)})},
                      [=](const Tensors& t) { return adaptive_avg_pool2d(t[0], h, w); }};
  });
  m.add("batch_norm in training", 3, [](Random& r) {
    const int64_t c = r.in(1, 20);
    return RandomCase{
        "",
        "F.batch_norm(t[0], None, None, t[1], t[2], True)",
        {r.reals({r.in(2, 4), c, r.in(1, 5), r.in(1, 5)}), r.reals({c}), r.reals({c})},
        [](const Tensors& t) { return batch_norm(t[0], {}, {}, t[1], t[2], true); }};
  });
  m.add("layer_norm", 4, [](Random& r) {
    const Shape s = r.shape(2, 4, 9);
    Shape tail;
    for (int64_t d = r.in(1, s.rank() - 1); d < s.rank(); ++d)
      tail.push_back(s[static_cast<int>(d)]);
    std::vector<int64_t> list;
    for (int d = 0; d < tail.rank(); ++d) list.push_back(tail[d]);
    return RandomCase{"",
                      fmt::format("F.layer_norm(t[0], {}, t[1], t[2], eps=1e-3)", python(list)),
                      {r.reals(s), r.reals(tail), r.reals(tail)},
                      [=](const Tensors& t) { return layer_norm(t[0], tail, t[1], t[2], 1e-3); }};
  });
}

void first_loss_cases(Maker& m) {
  m.add("cross_entropy", 6, [](Random& r) {
    Shape s = {r.in(1, 6), r.in(2, 9)}, target = {s[0]};
    if (r.chance(3)) s.push_back(3), target.push_back(3);
    const double smoothing = r.chance(2) ? 0.1 : 0;
    const auto reduction = static_cast<Reduction>(r.in(0, 2));
    const char* names[] = {"mean", "sum", "none"};
    Tensor labels = r.integers(target, s[1]);
    const int64_t ignored = r.chance(2) && labels.numel() > 1 ? s[1] : -100;
    if (ignored >= 0) labels.data<int64_t>()[0] = ignored;
    return RandomCase{
        "",
        fmt::format("F.cross_entropy(t[0], t[1], reduction='{}', ignore_index={}, "
                    "label_smoothing={})",
                    names[static_cast<int>(reduction)], ignored, smoothing),
        {r.reals(s, -5, 5), labels},
        [=](const Tensors& t) { return cross_entropy(t[0], t[1], reduction, ignored, smoothing); }};
  });
  m.add("mse_loss", 2, [](Random& r) {
    const Shape s = r.shape(1, 4);
    return RandomCase{"", "F.mse_loss(t[0], t[1])", {r.reals(s), r.reals(s)}, [](const Tensors& t) {
                        return mse_loss(t[0], t[1]);
                      }};
  });
}

}  // namespace

std::vector<RandomCase> random_cases() {
  Maker m;
  pointwise_cases(m);
  reduction_cases(m);
  view_cases(m);
  product_cases(m);
  image_cases(m);
  first_loss_cases(m);
  math_cases(m);
  loss_cases(m);
  place_cases(m);
  layer_cases(m);
  return m.cases;
}

}  // namespace tinytorch::golden
