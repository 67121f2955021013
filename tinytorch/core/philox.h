#pragma once
// Philox4x32-10, a counter-based generator: block(seed, n) is a hash of its arguments, so the
// numbers of a fill can be made in any order by any thread. Source: J. Salmon, M. Moraes, R. Dror,
// D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
//
// Numbering used everywhere (core/random.h, kernels/random.h). A fill starts at block `offset`:
//   32-bit kinds (uniform and normal f32, Bernoulli): number i is word i % 4 of block offset + i/4
//   64-bit kinds (uniform and normal f64, integers): number i is half i % 2 of block offset + i/2
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>

namespace tinytorch::philox {

using Block = std::array<uint32_t, 4>;

inline constexpr int kRounds = 10;
inline constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
inline constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;  // key increments

inline Block block(Block counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t p1 = uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(p0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

// Block n of the stream of `seed`: the key is the seed, the counter's low half is n.
inline Block block(uint64_t seed, uint64_t n) {
  return block({static_cast<uint32_t>(n), static_cast<uint32_t>(n >> 32), 0, 0},
               static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

inline uint32_t word32(uint64_t seed, uint64_t offset, int64_t i) {
  return block(seed, offset + static_cast<uint64_t>(i) / 4)[static_cast<size_t>(i) % 4];
}
inline uint64_t low_first(uint32_t low, uint32_t high) {
  return uint64_t{high} << 32 | low;
}
inline uint64_t word64(uint64_t seed, uint64_t offset, int64_t i) {
  const Block b = block(seed, offset + static_cast<uint64_t>(i) / 2);
  return i % 2 ? low_first(b[2], b[3]) : low_first(b[0], b[1]);
}

// [0, 1): 24 bits, every value is a float; 53 bits, every value is a double.
inline float uniform_f32(uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}
inline double uniform_f64(uint64_t word) {
  return static_cast<double>(word >> 11) * 0x1p-53;
}

// Box-Muller: two words give two independent standard normal numbers, radius sqrt(-2 ln u) at angle
// 2 pi v, with u in (0, 1]. Computed in double also for f32 results.
inline std::pair<double, double> normal_pair(double u, double v) {
  const double radius = std::sqrt(-2.0 * std::log(u)), angle = 2.0 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}
inline std::pair<double, double> normal_pair(uint32_t word0, uint32_t word1) {
  return normal_pair((word0 + 1.0) * 0x1p-32, word1 * 0x1p-32);
}
inline std::pair<double, double> normal_pair(uint64_t word0, uint64_t word1) {
  return normal_pair(1.0 - uniform_f64(word0), uniform_f64(word1));
}

// [0, range) by multiplication: a value's probability is off by at most 2^-64. range 0 means 2^64.
inline uint64_t below(uint64_t word, uint64_t range) {
  return range == 0 ? word
                    : static_cast<uint64_t>((static_cast<unsigned __int128>(word) * range) >> 64);
}

}  // namespace tinytorch::philox
