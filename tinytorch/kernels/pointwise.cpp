#include "tinytorch/kernels/pointwise.h"

namespace tinytorch::kernels {

namespace {
const char* const kNames[] = {"loops", "simd"};
const char* const kIdeas[] = {"one element at a time through the scalar formula",
                              "the same formula on vectors, two in flight"};
}  // namespace

PointwiseKernel::PointwiseKernel() : KernelBase("pointwise", kNames, kIdeas, 2) {}
PointwiseKernel pointwise;

}  // namespace tinytorch::kernels
