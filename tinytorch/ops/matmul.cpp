// Matrix products: matmul, bmm, linear. All run one kernel that reads transposed operands in place.
#include <array>

#include "tinytorch/ops/common.h"
#include "tinytorch/ops/packed_weight.h"

namespace tinytorch {

namespace {

// The last two dimensions of t in the kernel's terms. A dimension of size 1 may have any stride.
template <class T>
struct Matrix {
  const T* data;
  int64_t rows, cols, row_stride, col_stride;
  explicit Matrix(const Tensor& t)
      : data(t.data<T>()),
        rows(t.shape()[t.dim() - 2]),
        cols(t.shape()[t.dim() - 1]),
        row_stride(t.strides()[t.dim() - 2]),
        col_stride(t.strides()[t.dim() - 1]) {}
};

template <class T>
kernels::MatmulArgs<T> matmul_args(const Tensor& a, const Tensor& b, const Tensor& out) {
  const Matrix<T> ma(a), mb(b);
  kernels::MatmulArgs<T> args;
  args.m = ma.rows, args.k = ma.cols, args.n = mb.cols;
  args.a = ma.data, args.a_rs = ma.row_stride, args.a_cs = ma.col_stride;
  args.b = mb.data, args.b_rs = mb.row_stride, args.b_cs = mb.col_stride;
  args.c = out.data<T>(), args.ldc = mb.cols;
  if (out.dim() == 3) {
    args.batch = out.shape()[0];
    args.c_batch = args.m * args.n;
    args.a_batch = a.dim() == 3 && a.shape()[0] > 1 ? a.strides()[0] : 0;
    args.b_batch = b.dim() == 3 && b.shape()[0] > 1 ? b.strides()[0] : 0;
  }
  return args;
}

[[noreturn, gnu::cold]] void raise_inner(const char* op, const Tensor& a, const Tensor& b,
                                         int64_t inner_a, int64_t inner_b) {
  raise<ShapeError>(
      "{}: {} times {}: the inner sizes {} and {} differ. Hint: columns of the first must equal "
      "rows of the second; transpose one?",
      op, describe(a), describe(b), inner_a, inner_b);
}

Tensor product_2d(const Tensor& a, const Tensor& b) {
  if (a.shape()[1] != b.shape()[0]) raise_inner("matmul", a, b, a.shape()[1], b.shape()[0]);
  Tensor out = empty({a.shape()[0], b.shape()[1]}, a.dtype());
  matmul_into(a, b, out);
  if (needs_grad(a, b))
    set_gradient(
        "matmul", out, {&a, &b},
        [a = Saved(a), b = Saved(b)](GradContext& c) {
          if (c.needs(0)) c.set(0, gradients::matmul_a(c.grad(), b.get(c)));
          if (c.needs(1)) c.set(1, gradients::matmul_b(c.grad(), a.get(c)));
        },
        Formula::kComposed);
  return out;
}

Tensor product_batched(const Tensor& a, const Tensor& b, const char* op) {
  const int64_t na = a.shape()[0], nb = b.shape()[0];
  if (na != nb && na != 1 && nb != 1)
    raise<ShapeError>("{}: {} times {}: batches of {} and {} do not fit.", op, describe(a),
                      describe(b), na, nb);
  if (a.shape()[2] != b.shape()[1]) raise_inner(op, a, b, a.shape()[2], b.shape()[1]);
  Tensor out = empty({na == 1 ? nb : na, a.shape()[1], b.shape()[2]}, a.dtype());
  matmul_into(a, b, out);
  if (needs_grad(a, b))
    set_gradient(
        "bmm", out, {&a, &b},
        [a = Saved(a), b = Saved(b)](GradContext& c) {
          const Tensor x = a.get(c), y = b.get(c);
          if (c.needs(0)) c.set(0, sum_to(gradients::matmul_a(c.grad(), y), x.shape()));
          if (c.needs(1)) c.set(1, sum_to(gradients::matmul_b(c.grad(), x), y.shape()));
        },
        Formula::kComposed);
  return out;
}

Shape batch_shape(const Tensor& t) {
  return Shape(std::span<const int64_t>(t.shape().begin(), t.shape().end() - 2));
}

// (batch..., r, c) -> (product, r, c), or (1, r, c) when the batch is one matrix.
Tensor as_batch(const Tensor& t, const Shape& batch) {
  const int64_t rows = t.size(-2), cols = t.size(-1);
  if (batch_shape(t).product() == 1) return t.reshape({1, rows, cols});
  Shape full = batch;
  full.push_back(rows);
  full.push_back(cols);
  return t.expand(full).reshape({batch.product(), rows, cols});
}

Tensor product_nd(const Tensor& a, const Tensor& b) {
  if (b.dim() == 2) {  // one tall product instead of many
    if (a.size(-1) != b.shape()[0]) raise_inner("matmul", a, b, a.size(-1), b.shape()[0]);
    Shape shape = a.shape();
    shape[a.dim() - 1] = b.shape()[1];
    const int64_t rows = batch_shape(a).product() * a.size(-2);
    return product_2d(a.reshape({rows, a.size(-1)}), b).reshape(shape);
  }
  const Shape batch = broadcast_shapes(batch_shape(a), batch_shape(b), "matmul");
  Tensor out = product_batched(as_batch(a, batch), as_batch(b, batch), "matmul");
  Shape shape = batch;
  shape.push_back(a.size(-2));
  shape.push_back(b.size(-1));
  if (out.shape()[0] != batch.product())  // both were single matrices with batch dims of size 1
    return out.expand({batch.product(), shape[shape.rank() - 2], shape.back()}).reshape(shape);
  return out.reshape(shape);
}

}  // namespace

void matmul_into(const Tensor& a, const Tensor& b, const Tensor& out, bool accumulate) {
  with_float(a.dtype(), "matmul", [&](auto type) {
    auto args = matmul_args<decltype(type)>(a, b, out);
    args.accumulate = accumulate;
    kernels::matmul(args);
  });
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  require_same_dtype(a, b, "matmul");
  if (a.dim() == 0 || b.dim() == 0)
    raise<ShapeError>("matmul: {} times {}: scalars have no rows. Hint: use mul.", describe(a),
                      describe(b));
  if (a.dim() == 2 && b.dim() == 2) return product_2d(a, b);
  if (a.dim() == 1) {
    const Tensor out = matmul(a.unsqueeze(0), b.dim() == 1 ? b.unsqueeze(1) : b);
    return b.dim() == 1 ? out.reshape({}) : out.squeeze(-2);
  }
  if (b.dim() == 1) return matmul(a, b.unsqueeze(1)).squeeze(-1);
  return product_nd(a, b);
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  require_same_dtype(a, b, "bmm");
  if (a.dim() != 3 || b.dim() != 3 || a.shape()[0] != b.shape()[0])
    raise<ShapeError>("bmm: needs two 3-d tensors with the same batch, got {} and {}.", describe(a),
                      describe(b));
  return product_batched(a, b, "bmm");
}

Tensor Tensor::matmul(const Tensor& o) const {
  return tinytorch::matmul(*this, o);
}

// ---- linear

namespace {

void check_linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  require_same_dtype(x, w, "linear");
  if (w.dim() != 2) raise<ShapeError>("linear: the weight {} must be (out, in).", describe(w));
  if (x.dim() == 0 || x.size(-1) != w.shape()[1])
    raise<ShapeError>(
        "linear: input {} does not fit weight {}: the last dim is {}, in_features is {}. Hint: "
        "flatten the input first, or build Linear({}, {}).",
        describe(x), describe(w), x.dim() ? x.size(-1) : 0, w.shape()[1], x.dim() ? x.size(-1) : 0,
        w.shape()[0]);
  if (bias.defined() && bias.shape() != Shape{w.shape()[0]})
    raise<ShapeError>("linear: bias {} does not fit weight {}: it must be [{}].", describe(bias),
                      describe(w), w.shape()[0]);
}

Tensor packed_linear(const Tensor& x, const PackedWeight& weight, const Tensor& bias,
                     Fused activation, const Shape& shape) {
  const Tensor rows = x.contiguous(), dense_bias = bias.defined() ? bias.contiguous() : bias;
  Tensor out = empty(shape, x.dtype());
  kernels::PackedProductArgs args;
  args.n = shape.back(), args.m = out.numel() / args.n, args.k = rows.size(-1);
  args.a = rows.data<float>(), args.a_step = args.k;
  args.format = weight.format, args.packed = weight.data.data();
  args.c = out.data<float>(), args.ldc = args.n;
  if (bias.defined()) args.bias = dense_bias.data<float>();
  args.activation = kernel_activation(activation);
  kernels::call(kernels::packed_product, args);
  return out;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Fused activation) {
  check_linear(x, weight, bias);
  const int64_t in = weight.shape()[1], out_features = weight.shape()[0];
  Shape shape = x.shape();
  shape[x.dim() - 1] = out_features;
  const int64_t row_count =
      in ? x.numel() / in
         : Shape(std::span<const int64_t>(shape.begin(), shape.end() - 1)).product();
  if (const Ref<PackedWeight> packed = packed_weight(weight, row_count))
    return packed_linear(x, *packed, bias, activation, shape);
  // x as a matrix, outside the graph: this node's gradient goes to x itself.
  const Tensor rows = [&] {
    const NoGrad no_grad;
    return x.dim() == 2 ? x : x.reshape({row_count, in});
  }();
  const bool recording = needs_grad(x, weight, bias);
  Tensor out = empty(shape, x.dtype());
  const bool gelu = activation == Fused::kGelu || activation == Fused::kGeluTanh;
  Tensor before = recording && gelu ? empty(shape, x.dtype()) : Tensor();
  const Tensor dense_bias = bias.defined() ? bias.contiguous() : bias;
  with_float(x.dtype(), "linear", [&](auto type) {
    using T = decltype(type);
    const Layout flat{{rows.shape()[0], out_features}, {out_features, 1}, 0};
    auto args = matmul_args<T>(
        rows, alias(weight, permute_layout(weight.layout(), std::array{1, 0})), alias(out, flat));
    if (bias.defined()) args.bias = dense_bias.data<T>();
    if (before.defined()) args.pre_activation = before.template data<T>();
    args.activation = kernel_activation(activation);
    kernels::matmul(args);
  });
  if (!recording) return out;
  const Saved kept = gelu                         ? Saved(before)
                     : activation == Fused::kRelu ? Saved::output(out)
                                                  : Saved();
  set_gradient(
      "linear", out, {&x, &weight, &bias},
      [rows = Saved(rows), in = Saved(x), w = Saved(weight), b = Saved(bias), kept, activation,
       xs = x.shape(), row_count, out_features](GradContext& c) {
        if (c.create_graph())
          return composed_gradient(c, c.grad(), {in.get(c), w.get(c), b.get(c)},
                                   [&](const std::vector<Tensor>& t) {
                                     const Tensor h = matmul(t[0], t[1].t());
                                     return activated(t[2].defined() ? h + t[2] : h, activation);
                                   });
        const Tensor g = activation_gradient(activation, c.grad(), kept.get(c))
                             .reshape({row_count, out_features});
        // h = x W^T: dx = g (W^T)^T, and dW = g^T x has the form of matmul_b, A^T G.
        if (c.needs(0)) {
          const Tensor dx = gradients::matmul_a(g, w.get(c).t());
          c.set(0, xs.rank() == 2 ? dx : dx.reshape(xs));
        }
        if (c.needs(1)) c.set(1, gradients::matmul_b(rows.get(c), g));
        if (c.needs(2)) c.set(2, gradients::expand(g, {out_features}));
      },
      Formula::kComposed);
  return out;
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
std::vector<Sample> matmul_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return matmul(t[0], t[1]); };
  return {{"3x4 times 4x5", {m.normal({3, 4}), m.normal({4, 5})}, run},
          {"transposed operands",
           {m.normal({4, 3}), m.normal({5, 4})},
           [](Inputs t) { return matmul(t[0].t(), t[1].t()); }},
          {"long inner dim", {m.normal({2, 300}), m.normal({300, 3})}, run},
          {"vector times matrix", {m.normal({4}), m.normal({4, 3})}, run},
          {"matrix times vector", {m.normal({3, 4}), m.normal({4})}, run},
          {"two vectors", {m.normal({6}), m.normal({6})}, run},
          {"batch times matrix", {m.normal({2, 3, 4}), m.normal({4, 2})}, run},
          {"broadcast batches", {m.normal({2, 1, 3, 4}), m.normal({3, 4, 2})}, run},
          {"matrix times batch", {m.normal({3, 4}), m.normal({2, 4, 2})}, run},
          {"inner dim 0", {m.normal({2, 0}), m.normal({0, 3})}, run},
          {"no rows", {m.normal({0, 4}), m.normal({4, 3})}, run}};
}
std::vector<Sample> bmm_samples(SampleMaker& m) {
  return {{"2x3x4 times 2x4x2",
           {m.normal({2, 3, 4}), m.normal({2, 4, 2})},
           [](Inputs t) { return bmm(t[0], t[1]); }},
          {"transposed", {m.normal({2, 4, 3}), m.normal({2, 2, 4})}, [](Inputs t) {
             return bmm(t[0].transpose(1, 2), t[1].transpose(1, 2));
           }}};
}
Sample linear_sample(SampleMaker& m, std::string label, const Shape& x, int64_t out, bool bias,
                     Fused f) {
  std::vector<Tensor> in = {m.normal(x), m.normal({out, x.back()})};
  if (bias) in.push_back(m.normal({out}));
  return {std::move(label), std::move(in),
          [f](Inputs t) { return linear(t[0], t[1], t.size() > 2 ? t[2] : Tensor(), f); }};
}
std::vector<Sample> linear_samples(SampleMaker& m) {
  return {linear_sample(m, "rows", {3, 4}, 5, true, Fused::kNone),
          linear_sample(m, "no bias", {3, 4}, 2, false, Fused::kNone),
          linear_sample(m, "3-d input, relu", {2, 3, 4}, 5, true, Fused::kRelu),
          linear_sample(m, "gelu", {4, 3}, 6, true, Fused::kGelu),
          linear_sample(m, "gelu tanh", {4, 3}, 6, true, Fused::kGeluTanh),
          linear_sample(m, "one vector", {4}, 3, true, Fused::kNone),
          linear_sample(m, "no rows", {0, 4}, 3, true, Fused::kRelu)};
}
Cost product_cost(const Sample& s, const Tensor& out) {
  const Shape& a = s.inputs[0].shape();
  return streaming_cost(s, out, 2.0 * static_cast<double>(a.rank() ? a.back() : 1));
}
std::vector<ErrorCase> matmul_errors() {
  return {{"inner", [] { matmul(zeros({2, 3}), zeros({4, 5})); },
           "f32 [2, 3] times f32 [4, 5]: the inner sizes 3 and 4 differ"},
          {"dtype", [] { matmul(zeros({2, 3}), zeros({3, 2}, DType::kF64)); }, "different dtypes"},
          {"integers", [] { matmul(zeros({2, 2}, DType::kI64), zeros({2, 2}, DType::kI64)); },
           "no kernel for i64"},
          {"scalar", [] { matmul(zeros({}), zeros({2})); }, "scalars have no rows"},
          {"batches", [] { matmul(zeros({2, 3, 4}), zeros({3, 4, 5})); }, "do not broadcast"}};
}
std::vector<ErrorCase> bmm_errors() {
  return {{"2-d", [] { bmm(zeros({2, 3}), zeros({3, 2})); }, "two 3-d tensors"},
          {"inner", [] { bmm(zeros({1, 2, 3}), zeros({1, 2, 3})); }, "inner sizes 3 and 2 differ"}};
}
std::vector<ErrorCase> linear_errors() {
  return {{"features", [] { linear(zeros({2, 5}), zeros({4, 3}), zeros({4})); },
           "input f32 [2, 5] does not fit weight f32 [4, 3]: the last dim is 5, in_features is 3. "
           "Hint: "
           "flatten the input first, or build Linear(5, 4)."},
          {"bias", [] { linear(zeros({2, 3}), zeros({4, 3}), zeros({3})); }, "it must be [4]"}};
}

const OpInfo kTable[] = {
    {"matmul", "matmul(a, b)", "C = A B, batched and broadcast over leading dims",
     "dA = g B^T, dB = A^T g", "a, b", "matmul", matmul_samples, product_cost, matmul_errors},
    {"bmm", "bmm(a, b)", "C[i] = A[i] B[i]", "dA = g B^T, dB = A^T g", "a, b", "matmul",
     bmm_samples, product_cost, bmm_errors},
    {"linear", "linear(x, weight, bias, activation)", "act(x W^T + b)",
     "with h = g act': dx = h W, dW = h^T x, db = sum of h over rows",
     "x, weight; the output with relu, the value before the activation with gelu", "matmul",
     linear_samples, product_cost, linear_errors},
};

}  // namespace

std::span<const OpInfo> matmul_ops() {
  return kTable;
}

}  // namespace tinytorch
