// What the small costs around an operation are, counted in instructions: run under callgrind by
// tests/e2e/instructions.sh, which takes the difference between two numbers of repeats.
//   count_instructions WHAT REPEATS
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tinytorch/core/parallel.h"
#include "tinytorch/tinytorch.h"

// Highway's library measures the clock when it is loaded, with an instruction (rdtscp) that
// valgrind refuses on a CPU that does not announce it. This takes the place of its function;
// nothing here asks for the result.
namespace hwy::platform {
uint64_t TimerResolution();
uint64_t TimerResolution() {
  return 1;
}
}  // namespace hwy::platform

using tinytorch::Tensor;

namespace {

constexpr int kLength = 100;

// Records chains of operations on x, and lets them go or walks them backward.
template <class Step>
void chains(const Tensor& x, int count, bool backward, Step step) {
  const Tensor g = tinytorch::full(x.shape(), 1.0);
  for (int i = 0; i < count; ++i) {
    Tensor y = x;
    for (int n = 0; n < kLength; ++n) y = step(y);
    if (backward) y.backward(g);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string what = argv[1];
  const int repeats = std::atoi(argv[2]);
  tinytorch::set_num_threads(1);
  Tensor a = tinytorch::full({64}, 1.0), b = tinytorch::full({64}, 1.0);
  const bool backward = what.ends_with("_backward");
  if (what != "add") a.set_requires_grad();
  if (what == "add" || what == "add_recorded") {
    for (int i = 0; i < repeats; ++i) const Tensor y = a + b;
  } else if (what.starts_with("add_")) {
    chains(a, repeats, backward, [&](const Tensor& x) { return x + b; });
  } else if (what.starts_with("mul_")) {
    chains(a, repeats, backward, [&](const Tensor& x) { return x * b; });
  } else if (what.starts_with("relu_")) {
    chains(a, repeats, backward, [](const Tensor& x) { return relu(x); });
  } else {
    std::fprintf(stderr, "unknown: %s\n", argv[1]);
    return 2;
  }
  return 0;
}
