#pragma once
#include <cstdint>
#include <vector>

namespace tinytorch {

// Everything a checkpoint needs to continue a sequence of random numbers: 16 bytes.
struct GeneratorState {
  uint64_t seed = 0;
  uint64_t offset = 0;  // next unused block of the seed's Philox stream (core/philox.h)
  bool operator==(const GeneratorState&) const = default;
};

// A place in a stream of random numbers. It makes no numbers itself: an operation reserves a range
// of the stream and makes number i from (seed, offset, i) alone, so results do not depend on
// threads, and dropout's backward makes its mask again from the two numbers it saved. Never seeded
// by time: the default seed is 0. Not for use from two threads at once.
class Generator {
 public:
  explicit Generator(uint64_t seed = 0) : state_{seed, 0} {}

  uint64_t seed() const { return state_.seed; }
  void manual_seed(uint64_t seed) { state_ = {seed, 0}; }
  GeneratorState state() const { return state_; }
  void set_state(const GeneratorState& state) { state_ = state; }

  // Sets room for n numbers of any kind aside; returns the offset at which it starts.
  uint64_t reserve(int64_t n) {
    const uint64_t start = state_.offset;
    state_.offset += (static_cast<uint64_t>(n) + 1) / 2;  // a number takes at most half a block
    return start;
  }

  // Single numbers, each from a range of its own: for samplers and examples, not for fills.
  double uniform();                            // [0, 1)
  double normal();                             // mean 0, deviation 1
  int64_t integer(int64_t low, int64_t high);  // [low, high); ConfigError when empty

 private:
  GeneratorState state_;
};

Generator& default_generator();   // of the process; seed 0 until manual_seed
void manual_seed(uint64_t seed);  // default_generator().manual_seed(seed)

// 0 .. n-1 in random order (Fisher-Yates); takes n numbers from the generator.
std::vector<int64_t> permutation(int64_t n, Generator& generator);
// The same from a given place of a stream: a loader's order of one epoch.
std::vector<int64_t> permutation(int64_t n, uint64_t seed, uint64_t offset = 0);

}  // namespace tinytorch
