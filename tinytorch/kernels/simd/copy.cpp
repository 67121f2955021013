// y = x for two strided views of one dtype: flat blocks, transposes through tiles, else rows.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/coalesce.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/walk.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/copy.cpp"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<uint32_t>;

// Bytes without gaps, past the caches: for outputs that they could not hold anyway, since an
// ordinary store first reads the line it writes.
void stream_copy(const char* x, char* y, int64_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  constexpr int64_t kBytes = HWY_LANES(uint8_t);
  const int64_t head = std::min(bytes, -reinterpret_cast<intptr_t>(y) & (kBytes - 1));
  std::memcpy(y, x, static_cast<size_t>(head));
  int64_t i = head;
  for (; i + kBytes <= bytes; i += kBytes)
    hn::Stream(hn::LoadU(d, reinterpret_cast<const uint8_t*>(x + i)), d,
               reinterpret_cast<uint8_t*>(y + i));
  std::memcpy(y + i, x + i, static_cast<size_t>(bytes - i));
  hwy::FlushStream();
}

#if HWY_TARGET != HWY_SCALAR
// A vector of kLanes/4 blocks; block b holds 4 neighbours of row 4 b of x.
HWY_INLINE hn::Vec<D> load_blocks(const uint32_t* x, int64_t ldx) {
  const D d;
  auto v = hn::LoadDup128(d, x);
  const auto lane = hn::Iota(d, 0);
  for (uint32_t b = 1; b < HWY_LANES(uint32_t) / 4; ++b)
    v = hn::IfThenElse(hn::Gt(lane, hn::Set(d, 4 * b - 1)), hn::LoadDup128(d, x + 4 * b * ldx), v);
  return v;
}

// y[r][c] = x[c][r] for c < kLanes, r < kLanes: 4x4 transposes inside the 128-bit blocks, whose
// order is already right. x goes through a small copy: its rows, a power of two apart, could not
// stay in the first-level cache together until all their blocks are read.
template <bool kStream>
HWY_INLINE void transpose_tile(const uint32_t* x, int64_t ldx, uint32_t* y, int64_t ldy) {
  const D d;
  constexpr int kLanes = HWY_LANES(uint32_t);
  HWY_ALIGN uint32_t tile[kLanes * kLanes];
  for (int c = 0; c < kLanes; ++c) hn::Store(hn::LoadU(d, x + c * ldx), d, tile + c * kLanes);
  for (int r = 0; r < kLanes; r += 4) {
    const auto a = load_blocks(tile + r, kLanes), b = load_blocks(tile + r + kLanes, kLanes);
    const auto c = load_blocks(tile + r + 2 * kLanes, kLanes);
    const auto e = load_blocks(tile + r + 3 * kLanes, kLanes);
    const auto ac_low = hn::InterleaveLower(d, a, c), ac_high = hn::InterleaveUpper(d, a, c);
    const auto be_low = hn::InterleaveLower(d, b, e), be_high = hn::InterleaveUpper(d, b, e);
    const hn::Vec<D> out[] = {
        hn::InterleaveLower(d, ac_low, be_low), hn::InterleaveUpper(d, ac_low, be_low),
        hn::InterleaveLower(d, ac_high, be_high), hn::InterleaveUpper(d, ac_high, be_high)};
    for (int i = 0; i < 4; ++i) {
      if (kStream)
        hn::Stream(out[i], d, y + (r + i) * ldy);
      else
        hn::StoreU(out[i], d, y + (r + i) * ldy);
    }
  }
}
#endif

// y[r][c] = x[c][r] for r < rows, c < cols; rows of x lie ldx apart, rows of y ldy.
void transpose32(const uint32_t* x, int64_t ldx, uint32_t* y, int64_t ldy, int64_t rows,
                 int64_t cols, [[maybe_unused]] bool stream) {
  int64_t tiled_rows = 0, tiled_cols = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr int64_t kLanes = HWY_LANES(uint32_t);
  tiled_rows = rows / kLanes * kLanes;
  tiled_cols = cols / kLanes * kLanes;
  stream = stream && (reinterpret_cast<uintptr_t>(y) | static_cast<uintptr_t>(ldy * 4)) % 64 == 0;
  for (int64_t c = 0; c < tiled_cols; c += kLanes) {  // along rows of x, which prefetches itself
    for (int64_t r = 0; r < tiled_rows; r += kLanes) {
      if (stream)
        transpose_tile<true>(x + c * ldx + r, ldx, y + r * ldy + c, ldy);
      else
        transpose_tile<false>(x + c * ldx + r, ldx, y + r * ldy + c, ldy);
    }
  }
  if (stream) hwy::FlushStream();
#endif
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < tiled_rows ? tiled_cols : 0; c < cols; ++c)
      y[r * ldy + c] = x[c * ldx + r];
}

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels::simd {

namespace {

HWY_EXPORT(stream_copy);
HWY_EXPORT(transpose32);

constexpr double kByteNs = 0.05;  // one byte read or written, from memory

// Outputs larger than this are written past the caches.
int64_t stream_bytes() {
  static const int64_t bytes = [] {
    int64_t size = -1;
#ifdef _SC_LEVEL3_CACHE_SIZE
    size = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    return size > 0 ? size : int64_t{32} << 20;
  }();
  return bytes;
}

void flat_copy(const char* x, char* y, int64_t bytes) {
  const bool stream = bytes > stream_bytes();
  parallel_for(bytes, kByteNs * 2, [&](int64_t begin, int64_t end) {
    if (stream)
      TINYTORCH_DISPATCH(stream_copy)(x + begin, y + begin, end - begin);
    else
      std::memcpy(y + begin, x + begin, static_cast<size_t>(end - begin));
  });
}

// Other item sizes: 16 x 16 tiles, so that a line that was read for one element serves the others.
template <class T>
void transpose_items(const T* x, int64_t ldx, T* y, int64_t ldy, int64_t rows, int64_t cols) {
  constexpr int64_t kTile = 64 / sizeof(T) < 16 ? 16 : 64 / sizeof(T);
  for (int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (int64_t c0 = 0; c0 < cols; c0 += kTile)
      for (int64_t r = r0; r < std::min(rows, r0 + kTile); ++r)
        for (int64_t c = c0; c < std::min(cols, c0 + kTile); ++c) y[r * ldy + c] = x[c * ldx + r];
}

// A copy of items of one size after coalescing: dimension p of y has unit stride in x, the last one
// unit stride in y; the others are a batch of such transposes. T is an unsigned type of that size.
template <class T>
void batched_transpose(const CopyArgs& args, int p) {
  const int last = args.shape.rank() - 1;
  const int64_t rows = args.shape[p], cols = args.shape[last];
  const int64_t ldx = args.x_stride[last], ldy = args.y_stride[p];
  const int64_t total = args.shape.product(), item = sizeof(T);
  // Scattered lines make the store's read of its line costlier than in a flat copy: past the caches
  // from a quarter of that size on. A task is a block that touches few pages on the side that is
  // walked across them: long runs along x when y is streamed, else along y.
  const bool stream = total * item > std::min(stream_bytes() / 4, int64_t{16} << 20);
  const int64_t height = std::min<int64_t>(rows, stream ? 1024 : 64);
  const int64_t width = std::min<int64_t>(cols, stream ? 64 : 256);
  const int64_t down = (rows + height - 1) / height, across = (cols + width - 1) / width;
  const double ns = kByteNs * 2 * static_cast<double>(total * item);
  parallel_tasks(total / (rows * cols) * down * across, ns, [&](int64_t task) {
    const int64_t c = task % across * width, r = task / across % down * height;
    const T* x = static_cast<const T*>(args.x) + c * ldx + r;
    T* y = static_cast<T*>(args.y) + r * ldy + c;
    int64_t rest = task / (across * down);
    for (int d = last - 1; d >= 0; --d) {
      if (d == p) continue;
      x += rest % args.shape[d] * args.x_stride[d];
      y += rest % args.shape[d] * args.y_stride[d];
      rest /= args.shape[d];
    }
    const int64_t h = std::min(height, rows - r), w = std::min(width, cols - c);
    if constexpr (sizeof(T) == 4)
      TINYTORCH_DISPATCH(transpose32)(x, ldx, y, ldy, h, w, stream);
    else
      transpose_items(x, ldx, y, ldy, h, w);
  });
}

void batched_transpose(const CopyArgs& args, int p, size_t item) {
  switch (item) {
    case 1:
      return batched_transpose<uint8_t>(args, p);
    case 2:
      return batched_transpose<uint16_t>(args, p);
    case 4:
      return batched_transpose<uint32_t>(args, p);
    default:
      return batched_transpose<uint64_t>(args, p);
  }
}

}  // namespace

void copy(const CopyArgs& args) {
  if (args.x_dtype != args.y_dtype) return loops::copy(args);
  CopyArgs a = args;
  Strides stride[] = {args.y_stride, args.x_stride};
  coalesce(a.shape, stride, 2);
  a.y_stride = stride[0];
  a.x_stride = stride[1];
  const int rank = a.shape.rank();
  const size_t item = item_size(args.x_dtype);
  if (a.shape.product() == 0) return;
  if (rank == 0 || (rank == 1 && a.y_stride[0] == 1 && a.x_stride[0] == 1))
    return flat_copy(static_cast<const char*>(a.x), static_cast<char*>(a.y),
                     a.shape.product() * static_cast<int64_t>(item));
  if (a.y_stride[rank - 1] == 1 && a.x_stride[rank - 1] != 1)
    for (int d = 0; d < rank - 1; ++d)
      if (a.x_stride[d] == 1) return batched_transpose(a, d, item);
  loops::copy(a);
}

}  // namespace tinytorch::kernels::simd
#endif
