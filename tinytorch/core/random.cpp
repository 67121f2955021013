#include "tinytorch/core/random.h"

#include <numeric>
#include <utility>

#include "tinytorch/core/format.h"
#include "tinytorch/core/memory.h"
#include "tinytorch/core/philox.h"

namespace tinytorch {

double Generator::uniform() {
  return philox::uniform_f64(philox::word64(seed(), reserve(1), 0));
}

double Generator::normal() {
  const uint64_t offset = reserve(2);
  return philox::normal_pair(philox::word64(seed(), offset, 0), philox::word64(seed(), offset, 1))
      .first;
}

int64_t Generator::integer(int64_t low, int64_t high) {
  if (low >= high)
    raise<ConfigError>("random integer: the range [{}, {}) is empty. Hint: low < high.", low, high);
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  const uint64_t word = philox::word64(seed(), reserve(1), 0);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + philox::below(word, range));
}

Generator& default_generator() {
  // Global because users expect `manual_seed` to reach every operation that is given no generator.
  static Generator generator(0);
  refuse_plan("it draws random numbers");
  return generator;
}

void manual_seed(uint64_t seed) {
  default_generator().manual_seed(seed);
}

std::vector<int64_t> permutation(int64_t n, uint64_t seed, uint64_t offset) {
  if (n < 0) raise<ConfigError>("permutation: {} elements. Hint: n must be >= 0.", n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = n - 1; i > 0; --i) {
    const uint64_t word = philox::word64(seed, offset, i);
    const uint64_t j = philox::below(word, static_cast<uint64_t>(i) + 1);
    std::swap(order[static_cast<size_t>(i)], order[j]);
  }
  return order;
}

std::vector<int64_t> permutation(int64_t n, Generator& generator) {
  return permutation(n, generator.seed(), generator.reserve(n));
}

}  // namespace tinytorch
