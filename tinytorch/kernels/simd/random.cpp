// Philox with one block in each 64-bit lane: MulEven multiplies the lanes' lower words into whole
// 64-bit products, which is the operation that the generator is made of.
#include "tinytorch/kernels/random.h"

#include <cmath>

#include "tinytorch/core/parallel.h"
#include "tinytorch/core/philox.h"
#include "tinytorch/kernels/simd/isa.h"

#ifndef TINYTORCH_KERNELS_SIMD_RANDOM_ONCE
#define TINYTORCH_KERNELS_SIMD_RANDOM_ONCE
namespace tinytorch::kernels {
// What a range function needs beside its pointers, computed once for a call.
struct UniformScalars {
  float low, width, last;
};
struct DropoutScalars {
  uint32_t threshold;
  float scale;
};
// Numbers [begin, end) of a fill; begin is a multiple of 64.
struct RandomTable {
  void (*uniform)(const UniformArgs<float>&, UniformScalars, int64_t begin, int64_t end);
  void (*dropout)(const DropoutArgs<float>&, DropoutScalars, int64_t begin, int64_t end);
};
}  // namespace tinytorch::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/random.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D64 = hn::ScalableTag<uint64_t>;
using D32 = hn::ScalableTag<uint32_t>;
using DI = hn::ScalableTag<int32_t>;
using DF = hn::ScalableTag<float>;
using V64 = hn::Vec<D64>;
constexpr int64_t kBlocks = HWY_LANES(uint64_t);  // made at once, one in each lane
constexpr int64_t kWords = 4 * kBlocks;

// The product of the lower words of all 64-bit lanes. SCALAR has no 32-bit neighbours to ignore.
HWY_INLINE V64 multiply_low(V64 a, V64 b) {
#if HWY_TARGET == HWY_SCALAR
  return V64((a.raw & 0xffffffffu) * (b.raw & 0xffffffffu));
#else
  const D32 d32;
  return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
#endif
}

// words[4 j + w] = word w of block first + j of the seed's stream, j < kBlocks.
// Upper halves of c0 and c2 hold leftovers; only lower halves count.
HWY_INLINE void make_words(uint64_t seed, uint64_t first, uint32_t* words) {
  const D64 d;
  const V64 low_half = hn::Set(d, 0xffffffffu);
  const V64 counter = hn::Add(hn::Set(d, first), hn::Iota(d, 0));
  V64 c0 = counter, c1 = hn::ShiftRight<32>(counter), c2 = hn::Zero(d), c3 = hn::Zero(d);
  const V64 m0 = hn::Set(d, philox::kMultiplier0), m1 = hn::Set(d, philox::kMultiplier1);
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < philox::kRounds; ++round) {
    const V64 p0 = multiply_low(c0, m0), p1 = multiply_low(c2, m1);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, key0));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, key1));
    c1 = p1;
    c3 = p0;
    key0 += philox::kWeyl0;
    key1 += philox::kWeyl1;
  }
  const V64 w01 = hn::Or(hn::And(c0, low_half), hn::ShiftLeft<32>(c1));
  const V64 w23 = hn::Or(hn::And(c2, low_half), hn::ShiftLeft<32>(c3));
  hn::StoreInterleaved2(w01, w23, d, reinterpret_cast<uint64_t*>(words));
}

// Calls vector_at(i, upper 24 bits of the words from i on) for whole vectors of numbers, then
// number_at(i, upper 24 bits) for those that are left.
template <class VectorAt, class NumberAt>
HWY_INLINE void for_each(const RandomRange& r, int64_t begin, int64_t end, VectorAt vector_at,
                         NumberAt number_at) {
  const D32 d;
  constexpr int64_t kLanes = HWY_LANES(uint32_t);
  HWY_ALIGN uint32_t words[kWords];
  int64_t i = begin;
  for (; i < end; i += kWords) {
    make_words(r.seed, r.offset + static_cast<uint64_t>(i) / 4, words);
    if (i + kWords > end) break;
    for (int64_t j = 0; j < kWords; j += kLanes)
      vector_at(i + j, hn::ShiftRight<8>(hn::Load(d, words + j)));
  }
  for (int64_t j = 0; i + j < end; ++j) number_at(i + j, words[j] >> 8);
}

void uniform(const UniformArgs<float>& args, UniformScalars s, int64_t begin, int64_t end) {
  const DF d;
  const auto low = hn::Set(d, s.low), width = hn::Set(d, s.width), last = hn::Set(d, s.last);
  const auto ulp = hn::Set(d, 0x1p-24f);
  for_each(
      args.range, begin, end,
      [&](int64_t i, hn::Vec<D32> bits) {
        const auto u = hn::Mul(hn::ConvertTo(d, hn::BitCast(DI(), bits)), ulp);
        hn::StoreU(hn::Min(hn::MulAdd(u, width, low), last), d, args.y + i);
      },
      [&](int64_t i, uint32_t bits) {
        const float u = static_cast<float>(bits) * 0x1p-24f;
        args.y[i] = std::fmin(std::fma(u, s.width, s.low), s.last);
      });
}

void dropout(const DropoutArgs<float>& args, DropoutScalars s, int64_t begin, int64_t end) {
  const DF d;
  const DI di;
  const auto below = hn::Set(di, static_cast<int32_t>(s.threshold) - 1);
  const auto scale = hn::Set(d, s.scale);
  for_each(
      args.range, begin, end,
      [&](int64_t i, hn::Vec<D32> bits) {
        const auto keep = hn::RebindMask(d, hn::Gt(hn::BitCast(di, bits), below));
        const auto y = hn::Mul(hn::LoadU(d, args.x + i), scale);
        hn::StoreU(hn::IfThenElseZero(keep, y), d, args.y + i);
      },
      [&](int64_t i, uint32_t bits) {
        args.y[i] = bits >= s.threshold ? args.x[i] * s.scale : 0.0f;
      });
}

}  // namespace

const RandomTable* GetRandomTable() {
  static const RandomTable table = {uniform, dropout};
  return &table;
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {

HWY_EXPORT(GetRandomTable);

namespace simd {

void uniform(const UniformArgs<float>& args) {
  const auto low = static_cast<float>(args.low), high = static_cast<float>(args.high);
  const UniformScalars scalars{low, high - low, std::nextafter(high, low)};
  const auto fn = TINYTORCH_DISPATCH(GetRandomTable)()->uniform;
  parallel_for(args.range.n, 0.5,
               [&](int64_t begin, int64_t end) { fn(args, scalars, begin, end); });
}

void dropout(const DropoutArgs<float>& args) {
  const DropoutScalars scalars{mask_threshold(args.p),
                               args.p < 1 ? static_cast<float>(1 / (1 - args.p)) : 0.0f};
  const auto fn = TINYTORCH_DISPATCH(GetRandomTable)()->dropout;
  parallel_for(args.range.n, 0.5,
               [&](int64_t begin, int64_t end) { fn(args, scalars, begin, end); });
}

}  // namespace simd
}  // namespace tinytorch::kernels
#endif
