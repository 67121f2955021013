// Max and average pooling, channels last: a vector holds neighbouring channels of one pixel.
//
//   max: y[n,i,j,c] = maximum of the window, index = p*kw + q of the first one (NaN wins)
//   avg: y[n,i,j,c] = sum of the window's elements inside the image / divisor
// x: n x h x w x c, y and index: n x oh x ow x c. Nothing aliases. The gradients gather: each input
// pixel adds what the windows over it give, in the order of the windows, so that rows of dx are
// independent and every sum has one order. All results equal the loops' bit for bit.
#include "tinytorch/kernels/pool.h"

#include <algorithm>
#include <cstring>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/pool.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef TINYTORCH_SIMD_POOL_ONCE
#define TINYTORCH_SIMD_POOL_ONCE
namespace tinytorch::kernels::simd {

// Positions [begin, end) on one axis.
struct Range {
  int64_t begin, end;
};

// The taps of the window at output i that lie inside an axis of `size` elements.
inline Range taps_inside(int64_t i, int64_t stride, int64_t pad, int64_t kernel, int64_t size) {
  const int64_t first = i * stride - pad;
  return {std::max<int64_t>(0, -first), std::min(kernel, size - first)};
}

// The outputs whose windows cover input position `at`.
inline Range windows_over(int64_t at, int64_t stride, int64_t pad, int64_t kernel, int64_t out) {
  const int64_t reach = at + pad - kernel + 1;  // first position of the earliest window
  return {reach <= 0 ? 0 : (reach + stride - 1) / stride, std::min(out, (at + pad) / stride + 1)};
}

// The elements that an average divides by, as in the loops.
inline float divisor(const PoolGeometry& g, int64_t i, int64_t j) {
  const int64_t top = i * g.stride_h - g.pad_h, left = j * g.stride_w - g.pad_w;
  const int64_t pad_h = g.count_include_pad ? g.pad_h : 0;
  const int64_t pad_w = g.count_include_pad ? g.pad_w : 0;
  const int64_t rows = std::min(top + g.kh, g.h + pad_h) - std::max(top, -pad_h);
  const int64_t cols = std::min(left + g.kw, g.w + pad_w) - std::max(left, -pad_w);
  return static_cast<float>(rows * cols);
}

// Runs fn(row) for `rows` rows of row_ns each, in tasks of about 20 us.
template <class F>
void parallel_rows(int64_t rows, double row_ns, F&& fn) {
  const int64_t length = std::clamp<int64_t>(static_cast<int64_t>(20e3 / (row_ns + 1)), 1, 256);
  parallel_tasks((rows + length - 1) / length, row_ns * static_cast<double>(rows),
                 [&](int64_t task) {
                   const int64_t end = std::min(rows, (task + 1) * length);
                   for (int64_t row = task * length; row < end; ++row) fn(row);
                 });
}

}  // namespace tinytorch::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
using IndexTag = hn::Rebind<int32_t, D>;
template <class D>
using ByteTag = hn::Rebind<uint8_t, D>;

// Calls body(tag, c) over all channels: whole vectors, then four at a time, then one at a time.
template <class F>
HWY_INLINE void for_channels(int64_t channels, const F& body) {
  const hn::ScalableTag<float> full;
  const hn::CappedTag<float, 4> four;
  const hn::CappedTag<float, 1> one;
  int64_t c = 0;
  const auto run = [&](auto tag) HWY_ATTR {
    const auto lanes = static_cast<int64_t>(hn::MaxLanes(tag));
    for (; c + lanes <= channels; c += lanes) body(tag, c);
  };
  run(full);
  run(four);
  run(one);
}

// Running maximum with the position of its first occurrence.
template <class D>
struct Maximum {
  hn::Vec<D> best;
  hn::Vec<IndexTag<D>> index;

  HWY_INLINE void start(D d, const float* x, int32_t position) {
    best = hn::LoadU(d, x);
    index = hn::Set(IndexTag<D>(), position);
  }
  HWY_INLINE void take(D d, const float* x, int32_t position) {
    const auto v = hn::LoadU(d, x);
    // Greater or NaN, unless the best is NaN already.
    const auto wins = hn::And(hn::Not(hn::Le(v, best)), hn::Eq(best, best));
    best = hn::IfThenElse(wins, v, best);
    index = hn::IfThenElse(hn::RebindMask(IndexTag<D>(), wins), hn::Set(IndexTag<D>(), position),
                           index);
  }
  HWY_INLINE void store(D d, float* y, uint8_t* byte) const {
    hn::StoreU(best, d, y);
    if (byte) hn::StoreU(hn::DemoteTo(ByteTag<D>(), index), ByteTag<D>(), byte);
  }
};

// Whether all windows are 2x2, two apart and without padding: the common case.
bool is_two_by_two(const PoolGeometry& g) {
  return g.kh == 2 && g.kw == 2 && g.stride_h == 2 && g.stride_w == 2 && g.pad_h == 0 &&
         g.pad_w == 0;
}

void max_pool(const MaxPoolArgs<float>& args) {
  const PoolGeometry& g = args.g;
  const int64_t c = g.c, pitch = g.w * c;
  const bool two = is_two_by_two(g);
  const double row_ns = 0.1 * static_cast<double>(g.ow * c * g.kh * g.kw);
  parallel_rows(g.n * g.oh, row_ns, [&](int64_t row) {
    const int64_t n = row / g.oh, i = row % g.oh;
    const Range p = taps_inside(i, g.stride_h, g.pad_h, g.kh, g.h);
    for (int64_t j = 0; j < g.ow; ++j) {
      const float* x = args.x + n * g.h * pitch + (i * g.stride_h - g.pad_h) * pitch +
                       (j * g.stride_w - g.pad_w) * c;
      float* y = args.y + (row * g.ow + j) * c;
      uint8_t* index = args.index ? args.index + (row * g.ow + j) * c : nullptr;
      if (two) {
        for_channels(c, [&](auto d, int64_t k) HWY_ATTR {
          Maximum<decltype(d)> m;
          m.start(d, x + k, 0);
          m.take(d, x + c + k, 1);
          m.take(d, x + pitch + k, 2);
          m.take(d, x + pitch + c + k, 3);
          m.store(d, y + k, index ? index + k : nullptr);
        });
        continue;
      }
      const Range q = taps_inside(j, g.stride_w, g.pad_w, g.kw, g.w);
      for_channels(c, [&](auto d, int64_t k) HWY_ATTR {
        Maximum<decltype(d)> m;
        const auto position = [&](int64_t a, int64_t b) {
          return static_cast<int32_t>(a * g.kw + b);
        };
        m.start(d, x + p.begin * pitch + q.begin * c + k, position(p.begin, q.begin));
        for (int64_t a = p.begin; a < p.end; ++a)
          for (int64_t b = q.begin + (a == p.begin); b < q.end; ++b)
            m.take(d, x + a * pitch + b * c + k, position(a, b));
        m.store(d, y + k, index ? index + k : nullptr);
      });
    }
  });
}

template <class D>
HWY_INLINE hn::Vec<D> where_index(D d, const uint8_t* index, int64_t position, hn::Vec<D> value) {
  const IndexTag<D> di;
  const auto at = hn::PromoteTo(di, hn::LoadU(ByteTag<D>(), index));
  const auto hit = hn::Eq(at, hn::Set(di, static_cast<int32_t>(position)));
  return hn::IfThenElseZero(hn::RebindMask(d, hit), value);
}

// Rows 2i and 2i + 1 of dx, from row i of dy; where y is given, dy is left out where y <= 0.
void max_grad_two_rows(const MaxPoolGradArgs<float>& args, const float* y, int64_t n, int64_t i) {
  const PoolGeometry& g = args.g;
  const int64_t c = g.c, pitch = g.w * c;
  float* dx = args.dx + (n * g.h + 2 * i) * pitch;
  for (int64_t j = 0; j < g.ow; ++j, dx += 2 * c) {
    const int64_t at = ((n * g.oh + i) * g.ow + j) * c;
    for_channels(c, [&](auto d, int64_t k) HWY_ATTR {
      auto dy = hn::LoadU(d, args.dy + at + k);
      if (y) dy = hn::IfThenZeroElse(hn::Le(hn::LoadU(d, y + at + k), hn::Zero(d)), dy);
      const uint8_t* index = args.index + at + k;
      hn::StoreU(where_index(d, index, 0, dy), d, dx + k);
      hn::StoreU(where_index(d, index, 1, dy), d, dx + c + k);
      hn::StoreU(where_index(d, index, 2, dy), d, dx + pitch + k);
      hn::StoreU(where_index(d, index, 3, dy), d, dx + pitch + c + k);
    });
  }
  if (g.w % 2 == 1) {  // a last column that no window covers
    std::fill_n(dx, c, 0.0f);
    std::fill_n(dx + pitch, c, 0.0f);
  }
  if (i == g.oh - 1 && g.h % 2 == 1)
    std::fill_n(args.dx + (n * g.h + g.h - 1) * pitch, pitch, 0.0f);
}

void max_grad_two_by_two(const MaxPoolGradArgs<float>& args, const float* y) {
  const PoolGeometry& g = args.g;
  parallel_rows(g.n * g.oh, 0.3 * static_cast<double>(g.ow * g.c),
                [&](int64_t row) { max_grad_two_rows(args, y, row / g.oh, row % g.oh); });
}

void max_pool_grad(const MaxPoolGradArgs<float>& args) {
  const PoolGeometry& g = args.g;
  const int64_t c = g.c;
  if (is_two_by_two(g)) return max_grad_two_by_two(args, nullptr);
  const double row_ns = 0.1 * static_cast<double>(g.w * c * g.kh * g.kw);
  parallel_rows(g.n * g.h, row_ns, [&](int64_t row) {
    const int64_t n = row / g.h, h = row % g.h;
    const Range rows = windows_over(h, g.stride_h, g.pad_h, g.kh, g.oh);
    for (int64_t w = 0; w < g.w; ++w) {
      const Range cols = windows_over(w, g.stride_w, g.pad_w, g.kw, g.ow);
      for_channels(c, [&](auto d, int64_t k) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (int64_t i = rows.begin; i < rows.end; ++i) {
          for (int64_t j = cols.begin; j < cols.end; ++j) {
            const int64_t position =
                (h + g.pad_h - i * g.stride_h) * g.kw + w + g.pad_w - j * g.stride_w;
            const int64_t at = ((n * g.oh + i) * g.ow + j) * c + k;
            sum =
                hn::Add(sum, where_index(d, args.index + at, position, hn::LoadU(d, args.dy + at)));
          }
        }
        hn::StoreU(sum, d, args.dx + (row * g.w + w) * c + k);
      });
    }
  });
}

void avg_pool(const AvgPoolArgs<float>& args) {
  const PoolGeometry& g = args.g;
  const int64_t c = g.c, pitch = g.w * c;
  const double row_ns = 0.05 * static_cast<double>(g.ow * c * g.kh * g.kw);
  parallel_rows(g.n * g.oh, row_ns, [&](int64_t row) {
    const int64_t n = row / g.oh, i = row % g.oh;
    const Range p = taps_inside(i, g.stride_h, g.pad_h, g.kh, g.h);
    for (int64_t j = 0; j < g.ow; ++j) {
      const Range q = taps_inside(j, g.stride_w, g.pad_w, g.kw, g.w);
      const float* x = args.x + n * g.h * pitch + (i * g.stride_h - g.pad_h) * pitch +
                       (j * g.stride_w - g.pad_w) * c;
      const float count = divisor(g, i, j);
      for_channels(c, [&](auto d, int64_t k) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (int64_t a = p.begin; a < p.end; ++a)
          for (int64_t b = q.begin; b < q.end; ++b)
            sum = hn::Add(sum, hn::LoadU(d, x + a * pitch + b * c + k));
        hn::StoreU(hn::Div(sum, hn::Set(d, count)), d, args.y + (row * g.ow + j) * c + k);
      });
    }
  });
}

void avg_pool_grad(const AvgPoolGradArgs<float>& args) {
  const PoolGeometry& g = args.g;
  const int64_t c = g.c;
  const double row_ns = 0.2 * static_cast<double>(g.w * c);
  parallel_rows(g.n * g.h, row_ns, [&](int64_t row) {
    const int64_t n = row / g.h, h = row % g.h;
    const Range rows = windows_over(h, g.stride_h, g.pad_h, g.kh, g.oh);
    for (int64_t w = 0; w < g.w; ++w) {
      const Range cols = windows_over(w, g.stride_w, g.pad_w, g.kw, g.ow);
      for_channels(c, [&](auto d, int64_t k) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (int64_t i = rows.begin; i < rows.end; ++i) {
          for (int64_t j = cols.begin; j < cols.end; ++j) {
            const auto dy = hn::LoadU(d, args.dy + ((n * g.oh + i) * g.ow + j) * c + k);
            sum = hn::Add(sum, hn::Div(dy, hn::Set(d, divisor(g, i, j))));
          }
        }
        hn::StoreU(sum, d, args.dx + (row * g.w + w) * c + k);
      });
    }
  });
}

}  // namespace tinytorch::kernels::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels::simd {

HWY_EXPORT(max_pool);
HWY_EXPORT(max_pool_grad);
HWY_EXPORT(max_grad_two_by_two);
HWY_EXPORT(avg_pool);
HWY_EXPORT(avg_pool_grad);

// NCHW is the loops' layout; they also serve as the way through for it.
void max_pool2d(const MaxPoolArgs<float>& args) {
  if (args.layout == ImageLayout::kNchw) return loops::max_pool2d(args);
  TINYTORCH_DISPATCH(max_pool)(args);
}
void max_pool2d_grad(const MaxPoolGradArgs<float>& args) {
  if (args.layout == ImageLayout::kNchw) return loops::max_pool2d_grad(args);
  TINYTORCH_DISPATCH(max_pool_grad)(args);
}
void conv2d_pool_grad(const ConvPoolGradArgs<float>& args) {
  const ConvGeometry& g = args.g;
  MaxPoolGradArgs<float> pool;
  pool.layout = ImageLayout::kNhwc;
  pool.g = {g.n, g.o, g.oh, g.ow, 2, 2, g.oh / 2, g.ow / 2, 2, 2, 0, 0, true};
  pool.dy = args.dy, pool.index = args.index, pool.dx = args.dconv;
  if (pool.g.oh == 0 || pool.g.ow == 0) {
    std::fill_n(args.dconv, g.n * g.o * g.oh * g.ow, 0.0f);
    return;
  }
  TINYTORCH_DISPATCH(max_grad_two_by_two)(pool, args.relu ? args.y : nullptr);
}
void avg_pool2d(const AvgPoolArgs<float>& args) {
  if (args.layout == ImageLayout::kNchw) return loops::avg_pool2d(args);
  TINYTORCH_DISPATCH(avg_pool)(args);
}
void avg_pool2d_grad(const AvgPoolGradArgs<float>& args) {
  if (args.layout == ImageLayout::kNchw) return loops::avg_pool2d_grad(args);
  TINYTORCH_DISPATCH(avg_pool_grad)(args);
}

}  // namespace tinytorch::kernels::simd
#endif
