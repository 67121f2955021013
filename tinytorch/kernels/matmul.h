#pragma once
#include <cstdint>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// Products that matrix products and convolutions add up in one chain before they add the chains:
// part of the order of every sum, never tuned.
inline constexpr int64_t kSumChain = 256;

// What happens to a finished output tile before it is stored.
enum class Activation : uint8_t { kNone, kRelu, kGelu, kGeluTanh };

// C[b,i,j] = act( (accumulate ? C[b,i,j] : 0) + sum_k A[b,i,k] B[b,k,j] + bias[j] )
//   A: m x k at a + b*a_batch, element (i,k) at i*a_rs + k*a_cs     (row, column strides)
//   B: k x n at b + b*b_batch, element (k,j) at k*b_rs + j*b_cs
//   C: m x n at c + b*c_batch, rows ldc apart, columns contiguous
// Any strides are right; one unit stride in each of A and B is fast. A batch stride 0 broadcasts.
// C aliases neither operand. k = 0 gives act(C or 0 + bias). Strides count elements.
// Sum order (contract of the fast variant): along k in blocks of 256, each block one chain of fused
// multiply-adds that starts at 0; the block sums are added in order to C (accumulate) or to the
// first of them; then bias. Independent of m, n, strides, tiles, threads; bit-equal on every ISA
// with fma. The loops add in plain ascending k and are compared by a bound.
// Uses the scratch slots kA, kB and kC of the calling thread and of the pool's.
template <class T>
struct MatmulArgs {
  int64_t m = 0, n = 0, k = 0, batch = 1;
  const T* a = nullptr;
  int64_t a_rs = 0, a_cs = 0, a_batch = 0;
  const T* b = nullptr;
  int64_t b_rs = 0, b_cs = 0, b_batch = 0;
  T* c = nullptr;
  int64_t ldc = 0, c_batch = 0;
  const T* bias = nullptr;      // n values or nullptr
  T* pre_activation = nullptr;  // when set: also stores the value before act (same layout as C)
  Activation activation = Activation::kNone;
  bool accumulate = false;
};

extern Kernel<void(const MatmulArgs<float>&)> matmul_f32;
void matmul(const MatmulArgs<float>& args);   // the chosen variant
void matmul(const MatmulArgs<double>& args);  // loops: f64 exists for gradient checks

namespace loops {
template <class T>
void matmul_ijk(const MatmulArgs<T>& args);  // the textbook order
template <class T>
void matmul_ikj(const MatmulArgs<T>& args);  // unit stride in the inner loop
template <class T>
void matmul_blocked(const MatmulArgs<T>& args);  // tiles that stay in cache
template <class T>
void matmul(const MatmulArgs<T>& args);  // the oracle: calls matmul_ikj
}  // namespace loops

namespace simd {
void matmul(const MatmulArgs<float>& args);
}
// A and B rounded to bf16 (8 significant bits, nearest even), their products exact, sums in f32:
// |error| <= 2^-7 sum |a| |b| and what the f32 sum adds. Products of fewer than 8 rows, columns or
// k, or fewer than 2^17 multiply-adds, are simd::matmul's, and all are on a CPU without AMX or
// AVX512_BF16. Bits depend on the shape and on that unit (simd/bf16.h), never on threads.
namespace bf16 {
void matmul(const MatmulArgs<float>& args);
}

}  // namespace tinytorch::kernels
