// The weight streams through once, 64 outputs wide, and each row of it is a multiply-add for every
// row of A. (Reading w as it lies, 16 rows of it transposed in registers at a time, is bound by
// shuffles in the caches and by 32 streams at once in memory: matmul_vector-inl.h. Measured in
// turns on two threads of an AVX-512 server: MLP 784-512-10 at batch 1 from 28.7 to 12.5 us, a
// token of a GPT of 10.7 million weights from 5.0 to 2.0 ms.)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/packed_product.cpp"
#include "tinytorch/kernels/packed_product.h"
#include "hwy/foreach_target.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::gemm {
namespace {

template <WeightFormat kFormat>
struct Stored;
template <>
struct Stored<WeightFormat::kF32> {
  using T = float;
  static HWY_INLINE V load(const float* p) { return hn::LoadU(d, p); }
};
template <>
struct Stored<WeightFormat::kBF16> {
  using T = uint16_t;
  static HWY_INLINE V load(const uint16_t* p) {  // a bf16 is the upper half of a float
    const hn::RebindToUnsigned<D> u32;
    const hn::Rebind<uint16_t, D> u16;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(u32, hn::LoadU(u16, p))));
  }
};
template <>
struct Stored<WeightFormat::kI8> {
  using T = int8_t;
  static HWY_INLINE V load(const int8_t* p) {
    const hn::RebindToSigned<D> i32;
    const hn::Rebind<int8_t, D> i8;
    return hn::ConvertTo(d, hn::PromoteTo(i32, hn::LoadU(i8, p)));
  }
};

// sums[i * kPackedCols + j] = sum over p of a[i * a_step + p] w[p * w_step + j] for vecs vectors of
// j.
template <WeightFormat kFormat, int m, int vecs>
HWY_INLINE void columns(int64_t k, const float* HWY_RESTRICT a, int64_t a_step,
                        const typename Stored<kFormat>::T* w, int64_t w_step,
                        float* HWY_RESTRICT sums) {
  for (int64_t k0 = 0; k0 < k; k0 += kSumChain) {
    const int64_t k1 = std::min(k, k0 + kSumChain);
    V acc[m][vecs];
    for (int i = 0; i < m; ++i)
      for (int v = 0; v < vecs; ++v) acc[i][v] = hn::Zero(d);
    const auto* row = w + k0 * w_step;
    for (int64_t p = k0; p < k1; ++p, row += w_step) {
      V x[vecs];
#pragma GCC unroll 4
      for (int v = 0; v < vecs; ++v) x[v] = Stored<kFormat>::load(row + v * kLanes);
#pragma GCC unroll 4
      for (int i = 0; i < m; ++i) {
        const V factor = hn::Set(d, a[i * a_step + p]);
#pragma GCC unroll 4
        for (int v = 0; v < vecs; ++v) acc[i][v] = hn::MulAdd(factor, x[v], acc[i][v]);
      }
    }
    for (int i = 0; i < m; ++i)
      for (int v = 0; v < vecs; ++v) {
        float* to = sums + i * kPackedCols + v * kLanes;
        hn::StoreU(k0 ? hn::Add(hn::LoadU(d, to), acc[i][v]) : acc[i][v], d, to);
      }
  }
}

template <WeightFormat kFormat, int m>
HWY_NOINLINE void panel(int64_t k, const float* a, int64_t a_step, const void* packed,
                        int64_t width, float* sums) {
  const auto* w = static_cast<const typename Stored<kFormat>::T*>(packed);
  int64_t j = 0;
  for (; j + 4 * kLanes <= width; j += 4 * kLanes)
    columns<kFormat, m, 4>(k, a, a_step, w + j, width, sums + j);
  for (; j < width; j += kLanes) columns<kFormat, m, 1>(k, a, a_step, w + j, width, sums + j);
}

using PanelFn = void (*)(int64_t, const float*, int64_t, const void*, int64_t, float*);
template <WeightFormat kFormat>
PanelFn panel_fn(int64_t m) {
  constexpr PanelFn kTable[kPackedRows] = {panel<kFormat, 1>, panel<kFormat, 2>, panel<kFormat, 3>,
                                           panel<kFormat, 4>};
  return kTable[m - 1];
}

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE::gemm

namespace tinytorch::kernels::HWY_NAMESPACE {

using namespace gemm;

// Outputs [j0, j1), whole panels but the last.
void packed_outputs(const PackedProductArgs& g, int64_t j0, int64_t j1) {
  constexpr PanelFn (*kFns[])(int64_t) = {
      panel_fn<WeightFormat::kF32>, panel_fn<WeightFormat::kBF16>, panel_fn<WeightFormat::kI8>};
  const PanelFn fn = kFns[static_cast<int>(g.format)](g.m);
  const int64_t item = weight_item_bytes(g.format);
  const auto* bytes = static_cast<const char*>(g.packed);
  HWY_ALIGN float sums[kPackedRows * kPackedCols];
  for (int64_t j = j0; j < j1; j += kPackedCols) {
    const int64_t count = std::min(kPackedCols, j1 - j), width = (count + 15) / 16 * 16;
    fn(g.k, g.a, g.a_step, bytes + j * g.k * item, width, sums);
    if (g.format == WeightFormat::kI8) {
      const auto* scales = reinterpret_cast<const float*>(bytes + (g.n + 15) / 16 * 16 * g.k);
      for (int64_t i = 0; i < g.m; ++i)
        for (int64_t c = 0; c < count; ++c) sums[i * kPackedCols + c] *= scales[j + c];
    }
    finish_tile(sums, kPackedCols, g.m, count, g.c + j, g.ldc, false,
                {g.bias ? g.bias + j : nullptr, nullptr, g.activation});
  }
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>

#include "tinytorch/core/dtype.h"

namespace tinytorch::kernels {

HWY_EXPORT(packed_outputs);

namespace {

int64_t padded(int64_t n) {
  return (n + 15) / 16 * 16;
}

// Writes value(j, p) of each output j in the order of the panels, zeros beside the last outputs.
template <class T, class Value>
void fill_panels(T* to, int64_t n, int64_t k, Value value) {
  const int64_t panels = (n + kPackedCols - 1) / kPackedCols;
  parallel_rows(
      panels, 2.0 * static_cast<double>(k * kPackedCols), [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
          const int64_t j0 = b * kPackedCols, width = padded(std::min(kPackedCols, n - j0));
          T* out = to + j0 * k;
          for (int64_t p = 0; p < k; ++p)
            for (int64_t j = j0; j < j0 + width; ++j) *out++ = j < n ? value(j, p) : T{};
        }
      });
}

}  // namespace

size_t packed_weight_bytes(WeightFormat format, int64_t n, int64_t k) {
  const auto numbers = static_cast<size_t>(weight_item_bytes(format) * padded(n) * k);
  return format == WeightFormat::kI8 ? numbers + static_cast<size_t>(n) * sizeof(float) : numbers;
}

void pack_weight(WeightFormat format, const float* w, int64_t w_step, int64_t n, int64_t k,
                 void* packed) {
  const auto at = [=](int64_t j, int64_t p) { return w[j * w_step + p]; };
  if (format == WeightFormat::kF32) {
    fill_panels(static_cast<float*>(packed), n, k, at);
  } else if (format == WeightFormat::kBF16) {
    fill_panels(static_cast<uint16_t*>(packed), n, k,
                [&](int64_t j, int64_t p) { return BFloat16(at(j, p)).bits; });
  } else {
    auto* scales = reinterpret_cast<float*>(static_cast<char*>(packed) + padded(n) * k);
    for (int64_t j = 0; j < n; ++j) {
      float largest = 0;
      bool finite = true;
      for (int64_t p = 0; p < k; ++p) {
        largest = std::max(largest, std::fabs(at(j, p)));
        finite &= std::isfinite(at(j, p));
      }
      scales[j] =
          finite ? largest / 127 : NAN;  // a row that eight bits cannot hold gives no number
    }
    fill_panels(static_cast<int8_t*>(packed), n, k, [&](int64_t j, int64_t p) {
      return scales[j] > 0 ? static_cast<int8_t>(std::lrintf(at(j, p) / scales[j])) : int8_t{0};
    });
  }
}

void packed_product(const PackedProductArgs& args) {
  if (args.m <= 0 || args.n <= 0) return;
  const int64_t panels = (args.n + kPackedCols - 1) / kPackedCols;
  // As long as its weight takes from the second-level cache.
  const double ns = 0.02 * static_cast<double>(weight_item_bytes(args.format) * args.n * args.k);
  // A thread owns a part of the outputs, and so of the weight: its cache keeps them for the next
  // call. At most 8 chunks of small work, of 3 us or more.
  const int64_t want = ns < 1e5 ? std::min<int64_t>(8, static_cast<int64_t>(ns / 1.5e3))
                                : static_cast<int64_t>(ns / 1e5) * 8;
  const int64_t chunks = std::clamp<int64_t>(want, 1, panels);
  const auto run = [&](int64_t q) {
    TINYTORCH_DISPATCH(packed_outputs)
    (args, panels * q / chunks * kPackedCols,
     std::min(args.n, panels * (q + 1) / chunks * kPackedCols));
  };
  if (chunks == 1) return run(0);
  parallel_tasks(chunks, ns, run);
}

}  // namespace tinytorch::kernels
#endif
