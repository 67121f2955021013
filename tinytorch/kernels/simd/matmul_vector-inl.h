// C = A B for one to four rows of A and a transposed B (a Linear's weight, n x k, row-major), as in
// inference with a small batch: c[i,j] = sum_p a[i,p] w[j,p]. B is read once, in place. The chains
// of the contract run along p, so lanes are outputs: 16 rows of w are transposed in registers, four
// columns at a time, and each transposed vector serves all rows of A. (The tile of 14 rows would
// spend a broadcast on every element of w for one useful lane: measured 2.6 times slower.)
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

#if defined(TINYTORCH_MATMUL_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_MATMUL_VECTOR_INL_H_
#undef TINYTORCH_MATMUL_VECTOR_INL_H_
#else
#define TINYTORCH_MATMUL_VECTOR_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::gemm {

constexpr int kVectorRows = 4;

// Row r of w as base, base + step or base + 2 * step: addresses that x86 forms inside the load.
struct EvenRows {
  static constexpr int kBases = (kLanes + 2) / 3;
  const float* base[kBases];
  int64_t step;
  EvenRows(const float* w, int64_t row_step, int64_t) : step(row_step) {
    for (int i = 0; i < kBases; ++i) base[i] = w + 3 * i * step;
  }
  HWY_INLINE const float* operator()(int r) const { return base[r / 3] + r % 3 * step; }
};

// Fewer than kLanes rows: the last one again for the lanes beyond it.
struct ClampedRows {
  const float* row[kLanes];
  ClampedRows(const float* w, int64_t step, int64_t count) {
    for (int64_t r = 0; r < kLanes; ++r) row[r] = w + std::min(r, count - 1) * step;
  }
  HWY_INLINE const float* operator()(int r) const { return row[r]; }
};

// sums[i * step + j] (+)= sum over p in [0, k) of a[i * a_step + p] w[j * w_step + p], j < count,
// step = groups * kLanes. Two groups of lanes are two chains in flight: one alone waits for the
// latency of its multiply-adds.
template <int m, int groups, class Rows>
HWY_NOINLINE void dot_rows(int64_t k, const float* HWY_RESTRICT a, int64_t a_step, const float* w,
                           int64_t w_step, int64_t count, float* HWY_RESTRICT sums, bool add) {
  for (int64_t k0 = 0; k0 < k; k0 += kSumChain) {
    const int64_t kc = std::min<int64_t>(kSumChain, k - k0);
    const Rows first(w + k0, w_step, count);
    const Rows second(w + k0 + (groups - 1) * kLanes * w_step, w_step, count);
    const float* x = a + k0;
    V acc[groups][m];
    for (int g = 0; g < groups; ++g)
      for (int i = 0; i < m; ++i) acc[g][i] = hn::Zero(d);
    int64_t p = 0;
    for (; p + 4 <= kc; p += 4) {
#pragma GCC unroll 2
      for (int g = 0; g < groups; ++g) {
        V v[4];
        load_transposed([&](int r) HWY_ATTR { return (g == 0 ? first(r) : second(r)) + p; }, v);
#pragma GCC unroll 4
        for (int t = 0; t < 4; ++t)
#pragma GCC unroll 4
          for (int i = 0; i < m; ++i)
            acc[g][i] = hn::MulAdd(hn::Set(d, x[i * a_step + p + t]), v[t], acc[g][i]);
      }
    }
    for (; p < kc; ++p) {
      for (int g = 0; g < groups; ++g) {
        HWY_ALIGN float lanes[kLanes];
        for (int r = 0; r < kLanes; ++r) lanes[r] = (g == 0 ? first(r) : second(r))[p];
        const V v = hn::Load(d, lanes);
        for (int i = 0; i < m; ++i)
          acc[g][i] = hn::MulAdd(hn::Set(d, x[i * a_step + p]), v, acc[g][i]);
      }
    }
    for (int g = 0; g < groups; ++g) {
      for (int i = 0; i < m; ++i) {
        float* to = sums + (i * groups + g) * kLanes;
        hn::StoreU(k0 || add ? hn::Add(hn::LoadU(d, to), acc[g][i]) : acc[g][i], d, to);
      }
    }
  }
}

using DotFn = void (*)(int64_t, const float*, int64_t, const float*, int64_t, int64_t, float*,
                       bool);
template <int groups, class Rows>
DotFn dot_fn(int64_t m) {
  constexpr DotFn kTable[kVectorRows] = {dot_rows<1, groups, Rows>, dot_rows<2, groups, Rows>,
                                         dot_rows<3, groups, Rows>, dot_rows<4, groups, Rows>};
  return kTable[m - 1];
}

inline bool is_vector_product(const MatmulArgs<float>& args) {
  return args.m <= kVectorRows && args.b_rs == 1 && args.b_cs != 1 && args.k > 1;
}

// Outputs [j0, j1) of all rows.
inline void vector_chunk(const MatmulArgs<float>& g, const float* a, int64_t a_step, int64_t j0,
                         int64_t j1) {
  HWY_ALIGN float sums[kVectorRows * 2 * kLanes];
  for (int64_t j = j0; j < j1;) {
    const int64_t groups = j1 - j >= 2 * kLanes ? 2 : 1, step = groups * kLanes;
    const int64_t count = std::min<int64_t>(step, j1 - j);
    for (int64_t i = 0; g.accumulate && i < g.m; ++i)
      for (int64_t s = 0; s < count; s += kLanes)
        hn::Store(load_n(g.c + i * g.ldc + j + s, count - s), d, sums + i * step + s);
    const DotFn dot = groups == 2       ? dot_fn<2, EvenRows>(g.m)
                      : count == kLanes ? dot_fn<1, EvenRows>(g.m)
                                        : dot_fn<1, ClampedRows>(g.m);
    dot(g.k, a, a_step, g.b + j * g.b_cs, g.b_cs, count, sums, g.accumulate);
    const Epilogue e{g.bias ? g.bias + j : nullptr,
                     g.pre_activation ? g.pre_activation + j : nullptr, g.activation};
    finish_tile(sums, step, g.m, count, g.c + j, g.ldc, false, e);
    j += step;
  }
}

// One matrix of the batch (pointers of `g` are at it already). A thread owns a part of the outputs,
// and so of the weights: its cache keeps them from call to call.
inline void multiply_vector(const MatmulArgs<float>& g, bool serial) {
  const float* a = g.a;
  int64_t a_step = g.a_rs;
  if (g.a_cs != 1) {
    float* to = scratch<float>(Scratch::kA, g.m * g.k);
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t p = 0; p < g.k; ++p) to[i * g.k + p] = g.a[i * g.a_rs + p * g.a_cs];
    a = to;
    a_step = g.k;
  }
  const double ns = 0.1 * static_cast<double>(g.n) * static_cast<double>(g.k);
  // Chunks of 3 us or more; at most 8 of small work, of large work as many as give each 50 us.
  const int64_t groups = (g.n + 2 * kLanes - 1) / (2 * kLanes);
  const int64_t want = ns < 4e5 ? std::min<int64_t>(8, static_cast<int64_t>(ns / 3e3))
                                : static_cast<int64_t>(ns / 4e5) * 8;
  const int64_t chunks = serial ? 1 : std::clamp<int64_t>(want, 1, groups);
  if (chunks == 1) return vector_chunk(g, a, a_step, 0, g.n);
  parallel_tasks(chunks, ns, [&](int64_t q) {
    vector_chunk(g, a, a_step, groups * q / chunks * 2 * kLanes,
                 std::min(g.n, groups * (q + 1) / chunks * 2 * kLanes));
  });
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE::gemm
HWY_AFTER_NAMESPACE();
#endif
