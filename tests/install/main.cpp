#include <cstdio>

#include "tinytorch/core/error.h"
#include "tinytorch/core/shape.h"
#include "tinytorch/kernels/registry.h"

int main() {
  if (tt::broadcast_shapes({2, 1}, {3}, "add") != tt::Shape({2, 3})) return 1;
  try {
    tt::broadcast_shapes({2}, {3}, "add");
    return 1;
  } catch (const tt::ShapeError&) {
  }
  std::printf("%zu kernels on %s\n", tt::kernels::all_kernels().size(), tt::kernels::simd_target());
}
