// Normalisation.
#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

// A value a channel, (c), beside x (n, c, ...).
Tensor per_channel(const Tensor& v, const Tensor& x) {
  if (x.dim() < 2 || v.dim() != 1 || v.size(0) != x.size(1))
    raise<ShapeError>("{} does not hold one value for each channel of {}", v.shape().str(),
                      x.shape().str());
  Shape shape = Shape::filled(x.dim(), 1);
  shape[1] = v.size(0);
  return v.to(x.dtype()).reshape(shape);
}

Numbers dims_from(const Tensor& x, int first, int skip = -1) {
  Numbers dims;
  for (int d = first; d < x.dim(); ++d)
    if (d != skip) dims.push_back(d);
  return dims;
}

Tensors batch_norm_of(const Node& n) {
  const Tensor& x = n.in(0);
  const double eps = n.real("epsilon", 1e-5);
  if (n.opset() < 9 && n.integer("spatial", 1) == 0) raise<Unsupported>("spatial 0");
  Tensor mu = n.in(3), variance = n.in(4);
  Tensors out(1);
  if (n.integer("training_mode", 0)) {
    const double momentum = n.real("momentum", 0.9);
    const Numbers dims = dims_from(x, 0, 1);
    mu = mean(x, dims);
    variance = var(x, dims, false);
    out.push_back(n.in(3) * momentum + mu * (1 - momentum));
    out.push_back(n.in(4) * momentum + variance * (1 - momentum));
  } else if (x.dim() == 4 && x.dtype() == mu.dtype()) {
    return {batch_norm(x, mu, variance, n.in(1), n.in(2), false, 0.1, eps)};
  }
  const Tensor scale = per_channel(n.in(1), x) * rsqrt(per_channel(variance, x) + eps);
  out[0] = (x - per_channel(mu, x)) * scale + per_channel(n.in(2), x);
  return out;
}

Tensors instance_norm(const Node& n) {
  const Tensor& x = n.in(0);
  const Numbers dims = dims_from(x, 2);
  const Tensor spread = rsqrt(var(x, dims, false, true) + n.real("epsilon", 1e-5));
  return {(x - mean(x, dims, true)) * spread * per_channel(n.in(1), x) + per_channel(n.in(2), x)};
}

Tensors layer_norm_of(const Node& n) {
  const Tensor& x = n.in(0);
  const Numbers dims = dims_from(x, axis_of(n, n.integer("axis", -1), x.dim()));
  const Tensor mu = mean(x, dims, true);
  const Tensor spread = rsqrt(var(x, dims, false, true) + n.real("epsilon", 1e-5));
  Tensor y = (x - mu) * spread * n.in(1);
  if (n.has(2)) y = y + n.in(2);
  return {y, mu, spread};
}

Tensors mean_variance(const Node& n) {
  const Tensor& x = n.in(0);
  Numbers dims = n.given("axes") ? n.integers("axes") : Numbers{0, 2, 3};
  for (int64_t& d : dims) d = axis_of(n, d, x.dim());
  const Tensor centred = x - mean(x, dims, true);
  return {centred / (sqrt(var(x, dims, false, true)) + 1e-9)};
}

// x / (bias + alpha / size * (sum of squares over `size` neighbouring channels))^beta
Tensors local_response(const Node& n) {
  const Tensor& x = n.in(0);
  const int64_t size = n.integer("size", 0);
  if (x.dim() < 3 || size < 1 || size > (1 << 20))
    raise<ShapeError>("size {} for {}", size, x.shape().str());
  Numbers amounts(2 * static_cast<size_t>(x.dim() - 1), 0);
  amounts[amounts.size() - 2] = (size - 1) / 2;
  amounts[amounts.size() - 1] = size / 2;
  const Tensor squares = pad(square(x), amounts);
  Tensor total = squares.narrow(1, 0, x.size(1));
  for (int64_t k = 1; k < size; ++k) total = total + squares.narrow(1, k, x.size(1));
  const Tensor base =
      total * (n.real("alpha", 1e-4) / static_cast<double>(size)) + n.real("bias", 1);
  return {x / pow(base, n.real("beta", 0.75))};
}

Tensors lp_norm(const Node& n) {
  const Tensor& x = n.in(0);
  const int64_t axis = axis_of(n, n.integer("axis", -1), x.dim()), p = n.integer("p", 2);
  const Numbers dims{axis};
  if (p == 1) return {x / sum(abs(x), dims, true)};
  if (p != 2) raise<IoError>("p {} is neither 1 nor 2", p);
  return {x / sqrt(sum(square(x), dims, true))};
}

const OpRow kRows[] = {
    {"BatchNormalization", 7, batch_norm_of},
    {"InstanceNormalization", 6, instance_norm},
    {"LayerNormalization", 17, layer_norm_of},
    {"MeanVarianceNormalization", 9, mean_variance},
    {"LRN", 1, local_response},
    {"LpNormalization", 1, lp_norm},
};

}  // namespace

std::span<const OpRow> norm_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
