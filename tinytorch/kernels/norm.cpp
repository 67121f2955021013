#include "tinytorch/kernels/norm.h"

namespace tinytorch::kernels {

namespace {
using LayerForward = void(const LayerNormArgs<float>&);
using LayerGrad = void(const LayerNormGradArgs<float>&);
using BatchForward = void(const BatchNormArgs<float>&);
using BatchGrad = void(const BatchNormGradArgs<float>&);
constexpr const char* kPlain = "plain loops, sums in double";
constexpr Variant<LayerForward> kLayer[] = {
    {"loops", loops::layer_norm<float>, kPlain},
    {"simd", simd::layer_norm, "64 virtual lanes; short rows stay in registers"}};
constexpr Variant<LayerGrad> kLayerGrad[] = {
    {"loops", loops::layer_norm_grad<float>, kPlain},
    {"simd", simd::layer_norm_grad, "one pass for dx, dgamma and dbeta; fixed row blocks"}};
constexpr Variant<BatchForward> kBatch[] = {
    {"loops", loops::batch_norm<float>, kPlain},
    {"simd", simd::batch_norm, "NHWC: channels in lanes, statistics by blocks in cache"}};
constexpr Variant<BatchForward> kBatchEval[] = {
    {"loops", loops::batch_norm_eval<float>, kPlain},
    {"simd", simd::batch_norm_eval, "NHWC: channels in lanes"}};
constexpr Variant<BatchGrad> kBatchGrad[] = {
    {"loops", loops::batch_norm_grad<float>, kPlain},
    {"simd", simd::batch_norm_grad, "NHWC: channels in lanes, sums by blocks"}};
}  // namespace

Kernel<LayerForward> layer_norm_f32("layer_norm", kLayer);
Kernel<LayerGrad> layer_norm_grad_f32("layer_norm_grad", kLayerGrad);
Kernel<BatchForward> batch_norm_f32("batch_norm", kBatch);
Kernel<BatchForward> batch_norm_eval_f32("batch_norm_eval", kBatchEval);
Kernel<BatchGrad> batch_norm_grad_f32("batch_norm_grad", kBatchGrad);

void layer_norm(const LayerNormArgs<float>& args) {
  layer_norm_f32(args);
}
void layer_norm(const LayerNormArgs<double>& args) {
  loops::layer_norm(args);
}
void layer_norm_grad(const LayerNormGradArgs<float>& args) {
  layer_norm_grad_f32(args);
}
void layer_norm_grad(const LayerNormGradArgs<double>& args) {
  loops::layer_norm_grad(args);
}
void batch_norm(const BatchNormArgs<float>& args) {
  batch_norm_f32(args);
}
void batch_norm(const BatchNormArgs<double>& args) {
  loops::batch_norm(args);
}
void batch_norm_eval(const BatchNormArgs<float>& args) {
  batch_norm_eval_f32(args);
}
void batch_norm_eval(const BatchNormArgs<double>& args) {
  loops::batch_norm_eval(args);
}
void batch_norm_grad(const BatchNormGradArgs<float>& args) {
  batch_norm_grad_f32(args);
}
void batch_norm_grad(const BatchNormGradArgs<double>& args) {
  loops::batch_norm_grad(args);
}

}  // namespace tinytorch::kernels
