#include "tinytorch/ops/packed_weight.h"

#include <pthread.h>

#include <mutex>
#include <new>

#include "tinytorch/core/memory.h"
#include "tinytorch/ops/inference.h"

namespace tinytorch {

namespace {

constexpr int kOff = -1;
thread_local constinit int t_precision = kOff;  // a WeightPrecision

constexpr int64_t kLeastNumbers = 4096;  // a smaller weight is in the first-level cache as it is

// Copies come and go rarely; threads that meet the same weight at the same time wait for one copy.
std::mutex g_packing;

// A child of fork() must not inherit the lock that another thread held. The fork does not wait for
// that thread, which holds it for a whole packing and takes other locks in it: the child starts
// with a new one. (What it guards is whole at any time: a tensor gets its copy when that is done.)
void renew_lock_in_child() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { new (&g_packing) std::mutex; });
  static_cast<void>(registered);
}

}  // namespace

InferenceMode::InferenceMode(WeightPrecision weights) : before_(t_precision) {
  t_precision = static_cast<int>(weights);
}
InferenceMode::~InferenceMode() {
  t_precision = before_;
}
std::optional<WeightPrecision> InferenceMode::current() {
  if (t_precision == kOff) return {};
  return static_cast<WeightPrecision>(t_precision);
}

void PackedWeight::destroy(PackedWeight* packed) {
  delete packed;
}
void TensorBase::drop_packed() {
  Ref<PackedWeight>::adopt(std::exchange(packed, nullptr));
}

namespace {

// An f32 weight as it must lie to be copied, in a scope that wants no graph, and whose changes are
// counted. With the graph turned on again inside the scope there are no copies.
bool may_pack(const Tensor& weight) {
  return t_precision != kOff && !grad_enabled() && weight.dtype() == DType::kF32 &&
         weight.is_contiguous() && !weight.storage().exposed();
}

// The weight's copy, if it is still true; else a new one, `bytes` long, that `pack` fills.
template <class Pack>
Ref<PackedWeight> copy_of(const Tensor& weight, kernels::WeightFormat format, int64_t groups,
                          size_t bytes, Pack pack) {
  renew_lock_in_child();
  if (t_block_log) t_block_log->copy_made(weight.storage());
  const std::lock_guard<std::mutex> lock(g_packing);
  TensorBase* base = weight.base();
  if (base->packed && base->packed->format == format && base->packed->groups == groups &&
      base->packed->version == weight.version()) {
    pin(base->packed->data);
    return Ref<PackedWeight>(base->packed);
  }
  Ref<PackedWeight> fresh(new PackedWeight);
  fresh->format = format;
  fresh->groups = groups;
  fresh->version = weight.version();
  fresh->data = Storage::allocate(bytes);
  {
    const UnloggedScope unlogged;
    pack(weight.data<float>(), fresh->data.data());
  }
  pin(fresh->data);
  base->drop_packed();
  base->packed = Ref<PackedWeight>(fresh).detach();
  return fresh;
}

}  // namespace

Ref<PackedWeight> packed_weight(const Tensor& weight, int64_t rows) {
  if (rows > kernels::kPackedRows || rows < 1 || !may_pack(weight) ||
      weight.numel() < kLeastNumbers ||
      kernels::matmul_f32.chosen() != kernels::matmul_f32.find("simd"))
    return nullptr;
  static_assert(
      static_cast<int>(WeightPrecision::kF32) == static_cast<int>(kernels::WeightFormat::kF32) &&
      static_cast<int>(WeightPrecision::kBF16) == static_cast<int>(kernels::WeightFormat::kBF16) &&
      static_cast<int>(WeightPrecision::kInt8) == static_cast<int>(kernels::WeightFormat::kI8));
  const auto format = static_cast<kernels::WeightFormat>(t_precision);
  const int64_t n = weight.shape()[0], k = weight.shape()[1];
  return copy_of(weight, format, 0, kernels::packed_weight_bytes(format, n, k),
                 [&](const float* w, void* to) { kernels::pack_weight(format, w, k, n, k, to); });
}

Ref<PackedWeight> packed_conv_weight(const Tensor& weight, const kernels::ConvGeometry& g,
                                     bool simd) {
  if (!simd || !may_pack(weight)) return nullptr;
  return copy_of(weight, kernels::WeightFormat::kF32, g.groups,
                 kernels::simd::packed_conv_weight_bytes(g), [&](const float* w, void* to) {
                   kernels::simd::pack_conv_weight(g, w, static_cast<float*>(to));
                 });
}

}  // namespace tinytorch
