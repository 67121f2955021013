#pragma once
// Every differentiable operation, as free functions. Semantics are PyTorch's; each is defined, with
// its shape rule, gradient, cost, samples and error cases, in the file of ops/ named above it.
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

class Generator;

// ---- shape.cpp: see also the view methods of Tensor (view.cpp) and its copies (copy.cpp)
Tensor cat(std::span<const Tensor> tensors, int64_t dim = 0);    // sizes equal but in dim
Tensor stack(std::span<const Tensor> tensors, int64_t dim = 0);  // a new dimension
inline Tensor cat(std::initializer_list<Tensor> t, int64_t dim = 0) {
  return cat(std::span<const Tensor>(t.begin(), t.size()), dim);
}
inline Tensor stack(std::initializer_list<Tensor> t, int64_t dim = 0) {
  return stack(std::span<const Tensor>(t.begin(), t.size()), dim);
}
std::vector<Tensor> split(const Tensor& x, int64_t size,
                          int64_t dim = 0);  // views; last may be short
// Constant padding of the last dimensions, PyTorch's order: {left, right, top, bottom, ...}.
// Negative amounts cut.
Tensor pad(const Tensor& x, std::span<const int64_t> amounts, Scalar value = 0);
inline Tensor pad(const Tensor& x, std::initializer_list<int64_t> a, Scalar value = 0) {
  return pad(x, std::span<const int64_t>(a.begin(), a.size()), value);
}

// ---- binary.cpp: broadcasting, promotion
Tensor add(const Tensor& a, const Tensor& b, Scalar alpha = 1);  // a + alpha b
Tensor sub(const Tensor& a, const Tensor& b, Scalar alpha = 1);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);  // integers divide to f32
Tensor eq(const Tensor& a, const Tensor& b);   // comparisons give bool
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, Scalar b);
Tensor ne(const Tensor& a, Scalar b);
Tensor lt(const Tensor& a, Scalar b);
Tensor le(const Tensor& a, Scalar b);
Tensor gt(const Tensor& a, Scalar b);
Tensor ge(const Tensor& a, Scalar b);
Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);  // mask: bool

// ---- unary.cpp
Tensor neg(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);
enum class GeluForm : uint8_t { kErf, kTanh };
Tensor gelu(const Tensor& x, GeluForm form = GeluForm::kErf);
Tensor silu(const Tensor& x);
Tensor square(const Tensor& x);
Tensor clamp(const Tensor& x, double low, double high);  // gradient 1 inside and at the bounds

// ---- reduce.cpp: empty dims means all
Tensor sum(const Tensor& x, std::span<const int64_t> dims = {}, bool keepdim = false);
Tensor mean(const Tensor& x, std::span<const int64_t> dims = {}, bool keepdim = false);
Tensor var(const Tensor& x, std::span<const int64_t> dims = {}, bool unbiased = true,
           bool keepdim = false);
// The same with dims in braces: sum(x, {0, 2}).
using DimInit = std::initializer_list<int64_t>;
inline Tensor sum(const Tensor& x, DimInit dims, bool keepdim = false) {
  return sum(x, std::span<const int64_t>(dims.begin(), dims.size()), keepdim);
}
inline Tensor mean(const Tensor& x, DimInit dims, bool keepdim = false) {
  return mean(x, std::span<const int64_t>(dims.begin(), dims.size()), keepdim);
}
inline Tensor var(const Tensor& x, DimInit dims, bool unbiased = true, bool keepdim = false) {
  return var(x, std::span<const int64_t>(dims.begin(), dims.size()), unbiased, keepdim);
}
Tensor max(const Tensor& x);  // the gradient is shared among equal maxima
std::pair<Tensor, Tensor> max(const Tensor& x, int64_t dim,
                              bool keepdim = false);                // values, indices
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim = false);  // i64
// x summed over the dimensions that broadcasting `shape` to x added: the gradient of expand.
Tensor sum_to(const Tensor& x, const Shape& shape);

// ---- index.cpp: indices are i64 or i32; out of range raises IndexError
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value);
Tensor embedding(const Tensor& weight, const Tensor& index);  // rows of weight: index.shape + [d]

// ---- matmul.cpp
Tensor matmul(const Tensor& a, const Tensor& b);  // 1-d, 2-d, batched with broadcasting
Tensor bmm(const Tensor& a, const Tensor& b);     // 3-d
enum class Fused : uint8_t { kNone, kRelu, kGelu, kGeluTanh };
// act(x w^T + bias): x (..., in), w (out, in), bias (out) or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              Fused activation = Fused::kNone);

// ---- conv.cpp, pool.cpp: images are n, c, h, w; results may be channels_last
struct ConvOptions {
  int64_t stride[2] = {1, 1}, padding[2] = {0, 0}, dilation[2] = {1, 1};
  int64_t groups = 1;
};
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const ConvOptions& options = {}, Fused activation = Fused::kNone);
// max_pool2d of act(conv2d(...)) over 2x2 windows with stride 2, in one pass; act: none or ReLU.
Tensor conv2d_pool(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                   const ConvOptions& options = {}, Fused activation = Fused::kRelu);
struct PoolOptions {
  int64_t kernel[2] = {2, 2}, stride[2] = {0, 0} /* 0: the kernel */, padding[2] = {0, 0};
  bool count_include_pad = true;
};
Tensor max_pool2d(const Tensor& x, const PoolOptions& options = {});
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options = {});
Tensor adaptive_avg_pool2d(const Tensor& x, int64_t out_h, int64_t out_w);

// ---- norm.cpp
// Training: normalises with the batch's mean and biased variance and moves the running statistics
// (undefined: none kept) by `momentum`, with the unbiased variance. Evaluation: uses them.
// y = norm(x) * weight + bias (+ residual), then ReLU if asked.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, double momentum = 0.1,
                  double eps = 1e-5, const Tensor& residual = {}, Fused activation = Fused::kNone);
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

// ---- softmax.cpp
Tensor softmax(const Tensor& x, int64_t dim = -1);
Tensor log_softmax(const Tensor& x, int64_t dim = -1);

// ---- loss.cpp
enum class Reduction : uint8_t { kMean, kSum, kNone };
// logits (n, classes) or (n, classes, d1, ...), targets i64 class indices. The mean is over targets
// that are not ignored. A label outside [0, classes) raises IndexError.
Tensor cross_entropy(const Tensor& logits, const Tensor& target,
                     Reduction reduction = Reduction::kMean, int64_t ignore_index = -100,
                     double label_smoothing = 0);
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::kMean);

// ---- attention.cpp
// softmax(q k^T / sqrt(d) [causal mask]) v for q (..., tq, d), k and v (..., tk, d). Causal: query
// i sees keys up to i + past, as PyTorch's does with past = 0. Behind a cache, past is the number
// of keys that stood there before the first query's own.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    bool causal = false, int64_t past = 0);
// The same on a packed projection: qkv (b, t, 3c) holds q, k, v side by side, heads inside each;
// gives (b, t, c). Reads qkv in place.
Tensor self_attention(const Tensor& qkv, int64_t heads, bool causal = true);

// ---- random.cpp: drawn from the generator given, else from default_generator()
Tensor rand(const Shape& shape, DType dtype = DType::kF32, Generator* generator = nullptr);
Tensor randn(const Shape& shape, DType dtype = DType::kF32, Generator* generator = nullptr);
Tensor randint(int64_t low, int64_t high, const Shape& shape, Generator* generator = nullptr);
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true);

}  // namespace tinytorch
