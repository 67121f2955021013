#pragma once
// More element-wise operations: powers, trigonometry, activations, extremes of two, logic.
// Semantics are PyTorch's; each stands, with its gradient, samples and error cases, in the file of
// ops/ named above it. Functions with real results take integers as f32; bf16 is computed in f32.
#include "tinytorch/core/tensor.h"

namespace tinytorch {

// ---- unary_math.cpp: any shape
Tensor abs(const Tensor& x);   // gradient 0 at 0
Tensor sign(const Tensor& x);  // -1, 0, 1; gradient 0
Tensor sin(const Tensor& x);   // radians, any size
Tensor cos(const Tensor& x);
Tensor reciprocal(const Tensor& x);  // 1 / x
Tensor log1p(const Tensor& x);       // log(1 + x), exact near 0
Tensor expm1(const Tensor& x);       // e^x - 1, exact near 0
Tensor erf(const Tensor& x);         // 2/sqrt(pi) integral of e^(-t^2) from 0 to x

// ---- power.cpp
// x^exponent. Gradient of x: 0 where the exponent is 0. Integers to an integer power stay
// integers; with a negative power DTypeError.
Tensor pow(const Tensor& x, Scalar exponent);
// base^exponent with broadcasting and promotion. The exponent's gradient is 0 where the base is 0
// and the exponent is not negative. Integers to a negative power give the quotient rounded to 0.
Tensor pow(const Tensor& base, const Tensor& exponent);
Tensor pow(Scalar base, const Tensor& exponent);

// ---- activation.cpp: floating dtypes
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
Tensor elu(const Tensor& x, double alpha = 1);  // x, below 0 alpha (e^x - 1)
Tensor selu(const Tensor& x);                   // elu with the two fixed numbers of Klambauer 2017
// log(1 + e^(beta x)) / beta; x itself where beta x > threshold. ConfigError for beta = 0.
Tensor softplus(const Tensor& x, double beta = 1, double threshold = 20);
Tensor mish(const Tensor& x);         // x tanh(softplus(x))
Tensor hardsigmoid(const Tensor& x);  // x/6 + 1/2 in [0, 1]; PyTorch: gradient 0 at -3 and 3
Tensor hardswish(const Tensor& x);    // x hardsigmoid(x)

// ---- extremes.cpp: broadcasting, promotion, NaN wins; equal values share the gradient by halves
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

// ---- logical.cpp: any dtype, what is not 0 is true; bool results, broadcasting
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

}  // namespace tinytorch
