#include "tinytorch/ops/packed_weight.h"

#include <mutex>

#include "tinytorch/ops/inference.h"

namespace tinytorch {

namespace {

constexpr int kOff = -1;
thread_local constinit int t_precision = kOff;  // a WeightPrecision

constexpr int64_t kLeastNumbers = 4096;  // a smaller weight is in the first-level cache as it is

// Copies come and go rarely; threads that meet the same weight at the same time wait for one copy.
std::mutex g_packing;

}  // namespace

InferenceMode::InferenceMode(WeightPrecision weights) : before_(t_precision) {
  t_precision = static_cast<int>(weights);
}
InferenceMode::~InferenceMode() {
  t_precision = before_;
}

void PackedWeight::destroy(PackedWeight* packed) {
  delete packed;
}
void TensorBase::drop_packed() {
  Ref<PackedWeight>::adopt(std::exchange(packed, nullptr));
}

Ref<PackedWeight> packed_weight(const Tensor& weight, int64_t rows) {
  if (t_precision == kOff || rows > kernels::kPackedRows || rows < 1) return nullptr;
  if (grad_enabled()) return nullptr;  // turned on again inside the scope: a graph is wanted
  if (weight.dtype() != DType::kF32 || !weight.is_contiguous() || weight.numel() < kLeastNumbers ||
      kernels::matmul_f32.chosen() != kernels::matmul_f32.find("simd"))
    return nullptr;
  static_assert(
      static_cast<int>(WeightPrecision::kF32) == static_cast<int>(kernels::WeightFormat::kF32) &&
      static_cast<int>(WeightPrecision::kBF16) == static_cast<int>(kernels::WeightFormat::kBF16) &&
      static_cast<int>(WeightPrecision::kInt8) == static_cast<int>(kernels::WeightFormat::kI8));
  const auto format = static_cast<kernels::WeightFormat>(t_precision);
  const std::lock_guard<std::mutex> lock(g_packing);
  TensorBase* base = weight.base();
  if (base->packed && base->packed->format == format && base->packed->version == weight.version())
    return Ref<PackedWeight>(base->packed);
  const int64_t n = weight.shape()[0], k = weight.shape()[1];
  Ref<PackedWeight> fresh(new PackedWeight);
  fresh->format = format;
  fresh->version = weight.version();
  fresh->data = Storage::allocate(kernels::packed_weight_bytes(format, n, k));
  kernels::pack_weight(format, weight.data<float>(), k, n, k, fresh->data.data());
  base->drop_packed();
  base->packed = Ref<PackedWeight>(fresh).detach();
  return fresh;
}

}  // namespace tinytorch
