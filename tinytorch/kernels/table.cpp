// The list of all kernel tables. A table is added here once; `tito kernels`, TINYTORCH_KERNELS and
// the parity tests follow from it.
#include <vector>

#include "tinytorch/kernels/attention.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/kernels/index.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/norm.h"
#include "tinytorch/kernels/optim.h"
#include "tinytorch/kernels/pointwise.h"
#include "tinytorch/kernels/pool.h"
#include "tinytorch/kernels/random.h"
#include "tinytorch/kernels/reduce.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/kernels/softmax.h"

namespace tinytorch::kernels {

std::span<KernelBase* const> all_kernels() {
  static const std::vector<KernelBase*> kernels = {
      &matmul_f32,
      &pointwise,
      &copy_kernel,
      &conv2d_f32,
      &conv2d_grad_input_f32,
      &conv2d_grad_weight_f32,
      &conv2d_pool_f32,
      &conv2d_pool_grad_f32,
      &max_pool2d_f32,
      &max_pool2d_grad_f32,
      &avg_pool2d_f32,
      &avg_pool2d_grad_f32,
      &softmax_f32,
      &log_softmax_f32,
      &softmax_grad_f32,
      &log_softmax_grad_f32,
      &cross_entropy_f32,
      &cross_entropy_grad_f32,
      &layer_norm_f32,
      &layer_norm_grad_f32,
      &batch_norm_f32,
      &batch_norm_eval_f32,
      &batch_norm_grad_f32,
      &gather_rows_any,
      &scatter_add_rows_f32,
      &uniform_f32,
      &dropout_f32,
      &sgd_step_f32,
      &adam_step_f32,
      &sum_squares_f32,
      &sum_f32,
      &max_f32,
      &sum_squared_deviation_f32,
      &attention_f32,
      &attention_grad_f32,
  };
  return kernels;
}

}  // namespace tinytorch::kernels
