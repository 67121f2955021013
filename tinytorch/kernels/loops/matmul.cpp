// The readable matrix product, in three orders of the same three loops:
//   C[i,j] += sum_p A[i,p] B[p,j]      A: m x k, B: k x n, C: m x n, any strides; C aliases nothing
// All three add the products of one element of C in ascending p with one rounding a step (no fused
// multiply-add), so they differ from the fast kernel by rounding only: the tests hold both against
// the bound k * eps * sum_p |A[i,p] B[p,j]|. What surrounds the loops (batch, threads over rows,
// accumulate, bias, activation) is plumbing, at the end of this file.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "tinytorch/core/error.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/matmul.h"

namespace tinytorch::kernels::loops {

namespace {

// A matrix inside memory that it does not own: element (i, j) lies row_stride * i + col_stride * j
// elements after `data`.
template <class T>
struct Matrix {
  T* data;
  int64_t row_stride, col_stride;
  T& operator()(int64_t i, int64_t j) const { return data[i * row_stride + j * col_stride]; }
};

// tito:begin 2.0
// tito:end 2.0

// The textbook order: one element of C at a time, a sum over p of products.
template <class T>
void add_product_ijk(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b,
                     Matrix<T> c) {
  // tito:begin 2.1
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      T sum = c(i, j);
      for (int64_t p = 0; p < k; ++p) sum += a(i, p) * b(p, j);
      c(i, j) = sum;
    }
  }
  // tito:end 2.1
}

// The same sums with the loops over p and j swapped. The rows of B and C have unit stride here
// (col_stride is 1), so the innermost loop walks along memory and the compiler can use vectors.
template <class T>
void add_product_ikj(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b,
                     Matrix<T> c) {
  // tito:begin 2.2
  for (int64_t i = 0; i < m; ++i) {
    T* c_row = &c(i, 0);
    for (int64_t p = 0; p < k; ++p) {
      const T a_ip = a(i, p);
      const T* b_row = &b(p, 0);
      for (int64_t j = 0; j < n; ++j) c_row[j] += a_ip * b_row[j];
    }
  }
  // tito:end 2.2
}

// ikj over tiles: a tile of B (kTileK x kTileN) stays in cache while all rows of A pass over it,
// and a group of four rows reads each line of B once instead of four times. Rows have unit stride,
// as in ikj.
template <class T>
void add_product_blocked(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b,
                         Matrix<T> c) {
  // tito:begin 2.3
  const int64_t tile_k = 64, tile_n = 256;
  for (int64_t j0 = 0; j0 < n; j0 += tile_n) {
    const int64_t width = std::min(tile_n, n - j0);
    for (int64_t p0 = 0; p0 < k; p0 += tile_k) {
      const int64_t p1 = std::min(k, p0 + tile_k);
      int64_t i = 0;
      for (; i + 4 <= m; i += 4) {
        T *c0 = &c(i, j0), *c1 = &c(i + 1, j0), *c2 = &c(i + 2, j0), *c3 = &c(i + 3, j0);
        for (int64_t p = p0; p < p1; ++p) {
          const T a0 = a(i, p), a1 = a(i + 1, p), a2 = a(i + 2, p), a3 = a(i + 3, p);
          const T* b_row = &b(p, j0);
          for (int64_t j = 0; j < width; ++j) {
            const T b_pj = b_row[j];
            c0[j] += a0 * b_pj;
            c1[j] += a1 * b_pj;
            c2[j] += a2 * b_pj;
            c3[j] += a3 * b_pj;
          }
        }
      }
      for (; i < m; ++i) {
        T* c_row = &c(i, j0);
        for (int64_t p = p0; p < p1; ++p) {
          const T a_ip = a(i, p);
          const T* b_row = &b(p, j0);
          for (int64_t j = 0; j < width; ++j) c_row[j] += a_ip * b_row[j];
        }
      }
    }
  }
  // tito:end 2.3
}

template <class T>
using Product = void (*)(int64_t, int64_t, int64_t, Matrix<const T>, Matrix<const T>, Matrix<T>);

template <class T>
T activate(T x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return x > T(0) || x != x ? x : T(0);  // NaN stays NaN
    case Activation::kGelu:
      return T(0.5) * x * (T(1) + std::erf(x * T(0.70710678118654752440)));
    case Activation::kGeluTanh:
      return T(0.5) * x *
             (T(1) + std::tanh(T(0.79788456080286535588) * (x + T(0.044715) * x * x * x)));
  }
  return x;
}

// Rows [i0, i1) of one matrix of the batch: clear, multiply, then bias and activation.
template <class T>
void run_rows(const MatmulArgs<T>& args, Product<T> product, int64_t batch, Matrix<const T> b,
              int64_t i0, int64_t i1) {
  const Matrix<const T> a{args.a + batch * args.a_batch + i0 * args.a_rs, args.a_rs, args.a_cs};
  const int64_t c_offset = batch * args.c_batch + i0 * args.ldc;
  const Matrix<T> c{args.c + c_offset, args.ldc, 1};
  const int64_t rows = i1 - i0, n = args.n;
  if (!args.accumulate)
    for (int64_t i = 0; i < rows; ++i) std::fill_n(&c(i, 0), n, T(0));
  product(rows, n, args.k, a, b, c);
  const bool finish = args.bias || args.pre_activation || args.activation != Activation::kNone;
  for (int64_t i = 0; finish && i < rows; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const T value = c(i, j) + (args.bias ? args.bias[j] : T(0));
      if (args.pre_activation) args.pre_activation[c_offset + i * args.ldc + j] = value;
      c(i, j) = activate(value, args.activation);
    }
  }
}

// Copies matrix `batch` of B with contiguous rows.
template <class T>
void copy_rows(const MatmulArgs<T>& args, int64_t batch, T* to) {
  const T* from = args.b + batch * args.b_batch;
  for (int64_t p = 0; p < args.k; ++p)
    for (int64_t j = 0; j < args.n; ++j) to[p * args.n + j] = from[p * args.b_rs + j * args.b_cs];
}

// All matrices of the batch; blocks of rows run in parallel. Every element of C belongs to one
// block, so results do not depend on the number of threads.
template <class T>
void run(const MatmulArgs<T>& args, Product<T> product, bool unit_stride_rows) {
  if (args.m <= 0 || args.n <= 0 || args.batch <= 0) return;
  int64_t b_rs = args.b_rs, b_cs = args.b_cs, b_batch = args.b_batch;
  const T* b = args.b;
  if (unit_stride_rows && b_cs != 1 && args.k > 0) {
    const int64_t copies = b_batch ? args.batch : 1;
    T* to = scratch<T>(Scratch::kB, copies * args.k * args.n);
    for (int64_t i = 0; i < copies; ++i) copy_rows(args, i, to + i * args.k * args.n);
    b = to;
    b_rs = args.n;
    b_cs = 1;
    b_batch = b_batch ? args.k * args.n : 0;
  }
  const double row_ns = 0.4 * static_cast<double>(args.n) * static_cast<double>(args.k + 1);
  const int64_t block = std::clamp<int64_t>(static_cast<int64_t>(50e3 / row_ns) / 4 * 4, 4, 256);
  const int64_t blocks = (args.m + block - 1) / block;
  const double total_ns = row_ns * static_cast<double>(args.m * args.batch);
  parallel_tasks(args.batch * blocks, total_ns, [&](int64_t task) {
    const int64_t batch = task / blocks, i0 = task % blocks * block;
    run_rows(args, product, batch, Matrix<const T>{b + batch * b_batch, b_rs, b_cs}, i0,
             std::min(args.m, i0 + block));
  });
}

}  // namespace

template <class T>
void matmul_ijk(const MatmulArgs<T>& args) {
  run<T>(args, add_product_ijk<T>, false);
}

template <class T>
void matmul_ikj(const MatmulArgs<T>& args) {
  run<T>(args, add_product_ikj<T>, true);
}

template <class T>
void matmul_blocked(const MatmulArgs<T>& args) {
  run<T>(args, add_product_blocked<T>, true);
}

template <class T>
void matmul(const MatmulArgs<T>& args) {
  matmul_ikj(args);
}

#define TINYTORCH_INSTANTIATE(T)                         \
  template void matmul_ijk<T>(const MatmulArgs<T>&);     \
  template void matmul_ikj<T>(const MatmulArgs<T>&);     \
  template void matmul_blocked<T>(const MatmulArgs<T>&); \
  template void matmul<T>(const MatmulArgs<T>&)
TINYTORCH_INSTANTIATE(float);
TINYTORCH_INSTANTIATE(double);
#undef TINYTORCH_INSTANTIATE

}  // namespace tinytorch::kernels::loops
