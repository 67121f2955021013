#include "tinytorch/kernels/random.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "tinytorch/core/parallel.h"
#include "tinytorch/core/philox.h"

namespace tinytorch::kernels {

namespace {

// Chunks of parallel_for start at multiples of 64 numbers, so at a whole block of either kind.

// Calls use(i, word) for each 32-bit number i of the range.
template <class Use>
void for_each_word32(const RandomRange& r, double item_ns, Use use) {
  parallel_for(r.n, item_ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 4) {
      const philox::Block b = philox::block(r.seed, r.offset + static_cast<uint64_t>(i) / 4);
      const int64_t count = std::min<int64_t>(4, end - i);
      for (int64_t j = 0; j < count; ++j) use(i + j, b[static_cast<size_t>(j)]);
    }
  });
}

// Calls use(i, word) for each 64-bit number i of the range.
template <class Use>
void for_each_word64(const RandomRange& r, double item_ns, Use use) {
  parallel_for(r.n, item_ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 2) {
      const philox::Block b = philox::block(r.seed, r.offset + static_cast<uint64_t>(i) / 2);
      use(i, philox::low_first(b[0], b[1]));
      if (i + 1 < end) use(i + 1, philox::low_first(b[2], b[3]));
    }
  });
}

}  // namespace

namespace loops {

template <class T>
void uniform(const UniformArgs<T>& args) {
  const T low = static_cast<T>(args.low), high = static_cast<T>(args.high), width = high - low;
  const T last = std::nextafter(high, low);
  if constexpr (std::is_same_v<T, float>)
    for_each_word32(args.range, 2, [&](int64_t i, uint32_t word) {
      args.y[i] = std::min(std::fma(philox::uniform_f32(word), width, low), last);
    });
  else
    for_each_word64(args.range, 4, [&](int64_t i, uint64_t word) {
      args.y[i] = std::min(std::fma(philox::uniform_f64(word), width, low), last);
    });
}

template <class T>
void dropout(const DropoutArgs<T>& args) {
  const uint32_t threshold = mask_threshold(args.p);
  const T scale = args.p < 1 ? static_cast<T>(1 / (1 - args.p)) : T{0};
  for_each_word32(args.range, 2, [&](int64_t i, uint32_t word) {
    args.y[i] = word >> 8 >= threshold ? args.x[i] * scale : T{0};
  });
}

template void uniform(const UniformArgs<float>&);
template void uniform(const UniformArgs<double>&);
template void dropout(const DropoutArgs<float>&);
template void dropout(const DropoutArgs<double>&);

}  // namespace loops

namespace {

template <class T>
T shifted(const NormalArgs<T>& args, double z) {
  return static_cast<T>(args.mean + args.std * z);
}

}  // namespace

// Numbers 2j and 2j + 1 are the pair of the words with those numbers: half a block in f32, a whole
// one in f64.
void normal(const NormalArgs<float>& args) {
  const RandomRange& r = args.range;
  parallel_for(r.n, 20, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 4) {
      const philox::Block b = philox::block(r.seed, r.offset + static_cast<uint64_t>(i) / 4);
      const auto [z0, z1] = philox::normal_pair(b[0], b[1]);
      const auto [z2, z3] = philox::normal_pair(b[2], b[3]);
      const double z[4] = {z0, z1, z2, z3};
      for (int64_t j = 0; j < std::min<int64_t>(4, end - i); ++j)
        args.y[i + j] = shifted(args, z[j]);
    }
  });
}

void normal(const NormalArgs<double>& args) {
  const RandomRange& r = args.range;
  parallel_for(r.n, 25, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 2) {
      const philox::Block b = philox::block(r.seed, r.offset + static_cast<uint64_t>(i) / 2);
      const auto [z0, z1] =
          philox::normal_pair(philox::low_first(b[0], b[1]), philox::low_first(b[2], b[3]));
      args.y[i] = shifted(args, z0);
      if (i + 1 < end) args.y[i + 1] = shifted(args, z1);
    }
  });
}

void integers(const IntegersArgs& args) {
  const uint64_t low = static_cast<uint64_t>(args.low);
  const uint64_t width = static_cast<uint64_t>(args.high) - low;
  for_each_word64(args.range, 4, [&](int64_t i, uint64_t word) {
    args.y[i] = static_cast<int64_t>(low + philox::below(word, width));
  });
}

void bernoulli(const BernoulliArgs& args) {
  const uint32_t threshold = mask_threshold(1 - args.p);
  for_each_word32(args.range, 2,
                  [&](int64_t i, uint32_t word) { args.y[i] = word >> 8 >= threshold; });
}

}  // namespace tinytorch::kernels
