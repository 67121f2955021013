#include "tinytorch/kernels/softmax.h"

namespace tinytorch::kernels {

namespace {
constexpr const char* kPlain = "three plain passes a row";
constexpr const char* kVector = "64 virtual lanes; short rows stay in registers";
using Forward = void(const SoftmaxArgs<float>&);
using Grad = void(const SoftmaxGradArgs<float>&);
constexpr Variant<Forward> kSoftmax[] = {{"loops", loops::softmax<float>, kPlain},
                                         {"simd", simd::softmax, kVector}};
constexpr Variant<Forward> kLogSoftmax[] = {{"loops", loops::log_softmax<float>, kPlain},
                                            {"simd", simd::log_softmax, kVector}};
constexpr Variant<Grad> kSoftmaxGrad[] = {{"loops", loops::softmax_grad<float>, kPlain},
                                          {"simd", simd::softmax_grad, kVector}};
constexpr Variant<Grad> kLogSoftmaxGrad[] = {{"loops", loops::log_softmax_grad<float>, kPlain},
                                             {"simd", simd::log_softmax_grad, kVector}};
}  // namespace

Kernel<Forward> softmax_f32("softmax", kSoftmax);
Kernel<Forward> log_softmax_f32("log_softmax", kLogSoftmax);
Kernel<Grad> softmax_grad_f32("softmax_grad", kSoftmaxGrad);
Kernel<Grad> log_softmax_grad_f32("log_softmax_grad", kLogSoftmaxGrad);

void softmax(const SoftmaxArgs<float>& args) {
  softmax_f32(args);
}
void softmax(const SoftmaxArgs<double>& args) {
  loops::softmax(args);
}
void log_softmax(const SoftmaxArgs<float>& args) {
  log_softmax_f32(args);
}
void log_softmax(const SoftmaxArgs<double>& args) {
  loops::log_softmax(args);
}
void softmax_grad(const SoftmaxGradArgs<float>& args) {
  softmax_grad_f32(args);
}
void softmax_grad(const SoftmaxGradArgs<double>& args) {
  loops::softmax_grad(args);
}
void log_softmax_grad(const SoftmaxGradArgs<float>& args) {
  log_softmax_grad_f32(args);
}
void log_softmax_grad(const SoftmaxGradArgs<double>& args) {
  loops::log_softmax_grad(args);
}

}  // namespace tinytorch::kernels
