// Direct convolution: the matrix micro-kernel over overlapping rows of a channels-last image. For
// one tap row the values under a window are contiguous (kw*c floats), and the window of the next
// pixel begins stride_w*c floats later: a left operand whose rows overlap, read in place. Nothing
// is unrolled to columns.
//
// Padding is not multiplied: the outputs fall into rectangles whose windows reach the image with
// the same taps (for a 3x3 kernel the inside, four edges, four corners), and each rectangle's tiles
// go over its taps alone, along its longer side. That spares 4 to 16 % of the multiplications of
// 3x3 kernels on images of 32x32 to 8x8. Where a tap has few channels, or an image few pixels, the
// tiles would become too short: there a band of the image is copied once, with zeros around it, and
// is one rectangle.
#include "tinytorch/kernels/simd/direct_conv.h"

#include <algorithm>
#include <cstring>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/direct_conv.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/direct_conv_tile-inl.h"

#ifndef TINYTORCH_DIRECT_CONV_ONCE
#define TINYTORCH_DIRECT_CONV_ONCE
namespace tinytorch::kernels::simd {

// Outputs [begin, end) of an axis whose windows reach the image with the taps [first, last).
struct Stretch {
  int64_t begin, end, first, last;
};
constexpr int kMaxStretches = 5;  // of an axis: a 5x5 kernel with padding 2

}  // namespace tinytorch::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::simd::HWY_NAMESPACE {

// Packs the weights of one input channel and one panel: element (k, j) of the panel is
// weight(o + j, c, p, q) with k = (p*kw + q)*cg + c; lanes past the group's channels are zero.
void pack_channel(const DirectConv& d, const float* weight, int64_t o, int64_t c, float* panel) {
  const int64_t valid = std::min<int64_t>(kPanel, d.og - o);
  const int64_t width = valid > kLanes ? kPanel : kLanes;
  const float* src = weight + o * d.w_o + c * d.w_c;
  for (int64_t p = 0; p < d.kh; ++p) {
    for (int64_t q = 0; q < d.kw; ++q) {
      float* dst = panel + ((p * d.kw + q) * d.cg + c) * width;
      const float* s = src + p * d.w_p + q * d.w_q;
      for (int64_t j = 0; j < valid; ++j) dst[j] = s[j * d.w_o];
      for (int64_t j = valid; j < width; ++j) dst[j] = 0;
    }
  }
}

// Splits an axis of `outputs` outputs: window i begins at position origin + i * stride, its taps
// are dil apart, positions [0, size) belong to the image. Returns how many stretches; more than
// kMaxStretches when there are too many.
int split_axis(int64_t outputs, int64_t origin, int64_t stride, int64_t taps, int64_t dil,
               int64_t size, Stretch* stretches) {
  const auto first_tap_from = [&](int64_t window, int64_t position) {
    return std::clamp<int64_t>((position - window + dil - 1) / dil, 0, taps);
  };
  int count = 0;
  for (int64_t i = 0; i < outputs; ++i) {
    const int64_t window = origin + i * stride;
    const int64_t first = window < 0 ? first_tap_from(window, 0) : 0;
    const int64_t last = std::max(first, window < size ? first_tap_from(window, size) : 0);
    if (count > 0 && stretches[count - 1].first == first && stretches[count - 1].last == last) {
      ++stretches[count - 1].end;
      continue;
    }
    if (count == kMaxStretches) return kMaxStretches + 1;
    stretches[count++] = {i, i + 1, first, last};
  }
  return count;
}

// The segments of the sum over the taps of a rectangle of outputs, for rows of x that lie `pitch`
// floats apart; offsets are from the rectangle's first tap. Returns how many.
int64_t make_segments(const DirectConv& d, int64_t pitch, const Stretch& rows, const Stretch& cols,
                      Segment* segments) {
  const int64_t pixel = d.groups * d.cg;
  const bool whole_rows = d.groups == 1 && d.dil_w == 1;  // the taps of a row touch each other
  const int64_t taps = cols.last - cols.first;
  const int64_t runs = whole_rows ? (taps > 0) : taps, run = whole_rows ? taps * d.cg : d.cg;
  int64_t count = 0;
  for (int64_t p = rows.first; p < rows.last; ++p) {
    for (int64_t r = 0; r < runs; ++r) {
      const int64_t begin = (p - rows.first) * d.dil_h * pitch + r * d.dil_w * pixel;
      int64_t k = (p * d.kw + cols.first + r) * d.cg;
      for (int64_t done = 0; done < run;) {
        const int64_t length = std::min(run - done, kSumChain - k % kSumChain);
        if (count > 0 && segments[count - 1].k / kSumChain != k / kSumChain)
          segments[count - 1].ends_chain = true;
        segments[count++] = {begin + done, static_cast<int32_t>(k), static_cast<int32_t>(length),
                             false};
        k += length;
        done += length;
      }
    }
  }
  if (count == 0) segments[count++] = {};  // the bias alone
  segments[count - 1].ends_chain = true;
  return count;
}

int64_t padded_channels(const DirectConv& d) {
  return (d.og + kLanes - 1) / kLanes * kLanes;
}
int64_t packed_floats(const DirectConv& d) {
  return d.groups * padded_channels(d) * d.kh * d.kw * d.cg;
}

// Weights to panels, [group][panel][k][lanes of the panel].
void pack_weight(const DirectConv& d, float* packed) {
  const int64_t panels = (d.og + kPanel - 1) / kPanel, og_padded = padded_channels(d);
  parallel_rows(d.groups * panels * d.cg, 0.5 * static_cast<double>(d.kh * d.kw * kPanel),
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    const int64_t group = i / d.cg / panels, o = i / d.cg % panels * kPanel;
                    pack_channel(d, d.weight + group * d.w_group, o, i % d.cg,
                                 packed + (group * og_padded + o) * d.kh * d.kw * d.cg);
                  }
                });
}

// What the bands of one call share.
struct Job {
  const DirectConv& d;
  int64_t taps = d.kh * d.kw * d.cg;
  int64_t og_padded = padded_channels(d);
  int64_t panels = (d.og + kPanel - 1) / kPanel;  // of a group
  int64_t pixel = d.groups * d.cg;
  int64_t reach_h = (d.kh - 1) * d.dil_h + 1;
  int64_t cols_read = (d.ow - 1) * d.stride_w + (d.kw - 1) * d.dil_w + 1;
  Stretch rows[kMaxStretches] = {}, cols[kMaxStretches] = {};
  int row_count =
      split_axis(d.oh, d.top, d.stride_h, d.kh, d.dil_h, d.h, rows);  // 1 when the image is copied
  int col_count = split_axis(d.ow, d.left, d.stride_w, d.kw, d.dil_w, d.w, cols);
  bool in_place = reads_in_place();
  int64_t pitch = (in_place ? d.w : cols_read) * pixel;  // of the rows that tiles read
  const float* packed = nullptr;                         // as pack_weight() lays it out
  float* bias = nullptr;                                 // [group][og_padded]
  TilePlan plans[kMaxStretches][kMaxStretches] = {};     // of each rectangle

  // A corner is one pixel, a tile of one row that waits for each of its products: with enough
  // images tiles go along the images instead. Worth 2 % of a ResNet-20.
  bool corners_apart = in_place && !d.pool && d.n >= 4;
  static bool is_corner(const Stretch& row, const Stretch& col) {
    return row.end - row.begin == 1 && col.end - col.begin == 1;
  }

  // Whether the next output row reads the same rows of x, one tap row further up: pair_tile().
  bool rows_share_taps(const TilePlan& plan, const Stretch& stretch) const {
    return d.stride_h == 1 && d.dil_h == 1 && plan.segment_count == stretch.last - stretch.first &&
           plan.segment_count > 1 && taps <= kSumChain;
  }

  bool reads_in_place() const;
  bool one_rectangle() const { return row_count == 1 && col_count == 1; }
};

// Whether the image is read where it lies. With padding, tiles need accumulators enough to keep the
// core busy, along rows and along columns, and a tap some channels.
bool Job::reads_in_place() const {
  const auto whole = [](const Stretch& s, int64_t size) { return s.first == 0 && s.last == size; };
  if (one_rectangle() && whole(rows[0], d.kh) && whole(cols[0], d.kw)) return true;
  if (row_count > kMaxStretches || col_count > kMaxStretches || d.cg < 8) return false;
  const auto longest = [](const Stretch* s, int count) {
    int64_t most = 0;
    for (int i = 0; i < count; ++i) most = std::max(most, s[i].end - s[i].begin);
    return most;
  };
  const int64_t vectors = d.og > 16 ? 2 : 1;  // of 16 lanes, on any target: 0 * inf is left out
  return std::min(longest(rows, row_count), longest(cols, col_count)) * vectors >= 8;
}

// One row of 2x2 maxima of `valid` channels from two finished rows of the convolution, `ow` pixels
// of `width` floats each. index: nullptr when nobody asks for it.
void pool_two_rows(const float* rows, int64_t ow, int64_t width, int64_t valid, int64_t y_pixel,
                   float* y, uint8_t* index) {
  const hn::Rebind<int32_t, D> di;
  const hn::Rebind<uint8_t, D> bytes;
  for (int64_t j = 0; j + 1 < ow; j += 2, y += y_pixel) {
    for (int64_t o = 0; o < valid; o += kLanes) {
      const float* first = rows + j * width + o;
      V best = hn::Load(kTag, first);
      auto winner = hn::Zero(di);
      for (int position = 1; position < 4; ++position) {
        const V v = hn::Load(kTag, first + (position / 2 * ow + position % 2) * width);
        const auto wins = second_wins(best, v);
        best = hn::IfThenElse(wins, v, best);
        winner = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, position), winner);
      }
      store_first(best, valid - o, y + o);
      if (!index) continue;
      uint8_t* position = index + j / 2 * y_pixel + o;
      if (valid - o >= kLanes) {
        hn::StoreU(hn::DemoteTo(bytes, winner), bytes, position);
      } else {
        HWY_ALIGN uint8_t lanes[kLanes];
        hn::StoreU(hn::DemoteTo(bytes, winner), bytes, lanes);
        std::memcpy(position, lanes, static_cast<size_t>(valid - o));
      }
    }
  }
}

// The same of the maxima of pairs that the tiles made of both rows, where nobody asks for the
// index.
void pool_two_halves(const float* rows, int64_t pooled, int64_t width, int64_t valid,
                     int64_t y_pixel, float* y) {
  for (int64_t j = 0; j < pooled; ++j, rows += width, y += y_pixel)
    for (int64_t o = 0; o < valid; o += kLanes) {
      const V below = hn::Load(kTag, rows + pooled * width + o);
      store_first(pool_max(hn::Load(kTag, rows + o), below), valid - o, y + o);
    }
}

// Where the tiles of a band find x: window (i, j) begins at row + (i - i0) * stride_h, col + j *
// stride_w of the image or of its copy.
struct Source {
  const float* x;
  int64_t i0, row, col;
};

// Output rows [i0, i1) of one panel, to y: rows y_row and pixels y_pixel apart.
void panel_rows(const Job& job, const Source& from, int64_t i0, int64_t i1, const float* w,
                const float* bias, int64_t valid, float* y, int64_t y_row, int64_t y_pixel) {
  const DirectConv& d = job.d;
  for (int r = 0; r < job.row_count; ++r) {
    const Stretch& rows = job.rows[r];
    const int64_t begin = std::max(i0, rows.begin), height = std::min(i1, rows.end) - begin;
    if (height <= 0) continue;
    const int64_t row = from.row + (begin - from.i0) * d.stride_h + rows.first * d.dil_h;
    for (int c = 0; c < job.col_count; ++c) {
      const Stretch& cols = job.cols[c];
      const int64_t width = cols.end - cols.begin;
      if (job.corners_apart && Job::is_corner(rows, cols)) continue;
      const int64_t col = from.col + cols.begin * d.stride_w + cols.first * d.dil_w;
      const float* x = from.x + row * job.pitch + col * job.pixel;
      float* out = y + (begin - i0) * y_row + cols.begin * y_pixel;
      TilePlan plan = job.plans[r][c];
      const int64_t x_down = d.stride_h * job.pitch, x_right = d.stride_w * job.pixel;
      const bool down = height > width;  // tiles go along the longer side
      plan.x_step = down ? x_down : x_right;
      plan.y_pixel = down ? y_row : y_pixel;
      int64_t line = 0;
      if (!down && valid <= kLanes && job.rows_share_taps(plan, rows))
        for (; line + 2 <= height; line += 2)
          pair_rows(plan, width, x_down, x + line * x_down, w, bias, out + line * y_row, y_row,
                    valid);
      for (; line < (down ? width : height); ++line)
        tile_row(plan, down ? height : width, x + line * (down ? x_right : x_down), w, bias,
                 out + line * (down ? y_pixel : y_row), valid);
    }
  }
}

// The same with pooling: some rows at a time are finished in scratch memory, where they stay in the
// first-level cache, and only their maxima are written to y (and index), the pooled panel.
void pool_panel_rows(const Job& job, const Source& from, int64_t i0, int64_t i1, const float* w,
                     const float* bias, int64_t channels, float* y, uint8_t* index) {
  const DirectConv& d = job.d;
  constexpr int64_t kFloats = 8192;  // of finished rows
  const int64_t width = channels > kLanes ? kPanel : kLanes, row_floats = d.ow * width;
  const int64_t valid = std::min(channels, width);
  const int64_t step = std::clamp<int64_t>(kFloats / row_floats / 2 * 2, 2, i1 - i0);
  float* finished = scratch<float>(Scratch::kC, step * row_floats);
  for (int64_t i = i0; i < i1; i += step) {
    const int64_t rows = std::min(step, i1 - i);
    panel_rows(job, from, i, i + rows, w, bias, width, finished, row_floats, width);
    for (int64_t r = 0; r < rows; r += 2) {
      const int64_t out = (i + r) / 2 * d.y_row;
      pool_two_rows(finished + r * row_floats, d.ow, width, valid, d.y_pixel, y + out,
                    index ? index + out : nullptr);
    }
  }
}

// The same without the index for one rectangle: the tiles make the maxima of pairs in registers.
void pool_pairs(const Job& job, const Source& from, int64_t i0, int64_t i1, const float* w,
                const float* bias, int64_t channels, float* y) {
  const DirectConv& d = job.d;
  const int64_t width = channels > kLanes ? kPanel : kLanes, pooled = d.ow / 2;
  TilePlan plan = job.plans[0][0];
  plan.x_step = d.stride_w * job.pixel;
  plan.y_pixel = width;
  plan.pool_pairs = true;
  float* two = scratch<float>(Scratch::kC, 2 * pooled * width);
  const int64_t x_row = d.stride_h * job.pitch;
  const float* window =
      from.x + (from.row + (i0 - from.i0) * d.stride_h) * job.pitch + from.col * job.pixel;
  for (int64_t i = i0; i < i1; i += 2, window += 2 * x_row) {
    tile_row(plan, 2 * pooled, window, w, bias, two, width);
    tile_row(plan, 2 * pooled, window + x_row, w, bias, two + pooled * width, width);
    pool_two_halves(two, pooled, width, std::min(channels, width), d.y_pixel, y + i / 2 * d.y_row);
  }
}

// What the tiles of a band read in place. They read many pixels at once, which the hardware does
// not fetch ahead: reading it through before is worth 2 to 6 %.
void touch_band(const Job& job, const Source& from, int64_t rows) {
  const float* x = from.x + std::clamp<int64_t>(from.row, 0, job.d.h) * job.pitch;
  const float* end = from.x + std::clamp<int64_t>(from.row + rows, 0, job.d.h) * job.pitch;
  touch(x, end);
}

// Output rows [i0, i1) of image n, panels [p0, p1) of the output channels of all groups.
void conv_band(const Job& job, int64_t n, int64_t i0, int64_t i1, int64_t p0, int64_t p1) {
  const DirectConv& d = job.d;
  Source from{d.x + n * d.h * d.w * job.pixel, i0, d.top + i0 * d.stride_h, d.left};
  const int64_t rows = (i1 - i0 - 1) * d.stride_h + job.reach_h;
  if (job.in_place) {
    touch_band(job, from, rows);
  } else {
    float* copy = scratch<float>(Scratch::kA, rows * job.pitch);
    padded_copy({from.x, d.h, d.w, job.pixel, from.row, rows, d.left, job.cols_read}, copy);
    from = {copy, i0, 0, 0};
  }
  for (int64_t p = p0; p < p1; ++p) {
    const int64_t g = p / job.panels, o = p % job.panels * kPanel;
    const int64_t at = g * job.og_padded + o, channels = d.og - o;
    const float *w = job.packed + at * job.taps, *bias = job.bias + at;
    Source group = from;
    group.x += g * d.cg;
    const int64_t y = n * d.y_image + g * d.og + o;
    if (!d.pool)
      panel_rows(job, group, i0, i1, w, bias, channels, d.y + y + i0 * d.y_row, d.y_row, d.y_pixel);
    else if (job.one_rectangle() && !d.pool_index)
      pool_pairs(job, group, i0, i1, w, bias, channels, d.y + y);
    else
      pool_panel_rows(job, group, i0, i1, w, bias, channels, d.y + y,
                      d.pool_index ? d.pool_index + y : nullptr);
  }
}

// The corner where row stretch r and column stretch c meet, of images [n0, n1) and panel p.
void corner_pixels(const Job& job, int r, int c, int64_t p, int64_t n0, int64_t n1) {
  const DirectConv& d = job.d;
  const Stretch &row = job.rows[r], &col = job.cols[c];
  const int64_t g = p / job.panels, o = p % job.panels * kPanel, at = g * job.og_padded + o;
  const int64_t image = d.h * job.pitch;
  const int64_t y = d.top + row.begin * d.stride_h + row.first * d.dil_h;
  const int64_t x = d.left + col.begin * d.stride_w + col.first * d.dil_w;
  TilePlan plan = job.plans[r][c];
  plan.x_step = image;
  plan.y_pixel = d.y_image;
  tile_row(plan, n1 - n0, d.x + n0 * image + y * job.pitch + x * job.pixel + g * d.cg,
           job.packed + at * job.taps, job.bias + at,
           d.y + n0 * d.y_image + g * d.og + o + row.begin * d.y_row + col.begin * d.y_pixel,
           d.og - o);
}

void corners(const Job& job) {
  const DirectConv& d = job.d;
  std::pair<int, int> all[kMaxStretches * kMaxStretches];
  int64_t count = 0;
  for (int r = 0; r < job.row_count; ++r)
    for (int c = 0; c < job.col_count; ++c)
      if (Job::is_corner(job.rows[r], job.cols[c])) all[count++] = {r, c};
  const int64_t panels = d.groups * job.panels, corner_panels = count * panels;
  const int64_t parts = std::clamp<int64_t>(d.n / kRows2, 1, 8);  // 8 is even for 2, 4, 8 threads
  const double ns = 0.01 * static_cast<double>(d.n * count * d.groups * job.og_padded * job.taps);
  parallel_tasks(parts * corner_panels, ns, [&](int64_t task) {
    const int64_t part = task / corner_panels, p = task % panels;
    const auto& [r, c] = all[task / panels % count];
    corner_pixels(job, r, c, p, d.n * part / parts, d.n * (part + 1) / parts);
  });
}

// One rectangle when the image is copied.
void plan_rectangles(Job& job) {
  const DirectConv& d = job.d;
  if (!job.in_place) {
    job.rows[0] = {0, d.oh, 0, d.kh}, job.cols[0] = {0, d.ow, 0, d.kw};
    job.row_count = job.col_count = 1;
  }
  const int64_t most = d.kh * d.kw + job.taps / kSumChain + 1;  // segments of a rectangle
  auto* segments = scratch<Segment>(Scratch::kD, most * job.row_count * job.col_count);
  for (int r = 0; r < job.row_count; ++r)
    for (int c = 0; c < job.col_count; ++c) {
      TilePlan& plan = job.plans[r][c];
      plan.segments = segments;
      plan.segment_count = make_segments(d, job.pitch, job.rows[r], job.cols[c], segments);
      plan.relu = d.relu;
      segments += plan.segment_count;
    }
}

void run_direct_conv(const DirectConv& d) {
  Job job{d};
  const int64_t weight_floats = d.packed ? 0 : packed_floats(d);
  float* shared = scratch<float>(Scratch::kB, weight_floats + d.groups * job.og_padded);
  job.packed = d.packed ? d.packed : shared;
  if (!d.packed) pack_weight(d, shared);
  job.bias = shared + weight_floats;
  for (int64_t g = 0; g < d.groups; ++g)
    for (int64_t o = 0; o < job.og_padded; ++o)
      job.bias[g * job.og_padded + o] = d.bias && o < d.og ? d.bias[g * d.og + o] : 0.0f;
  plan_rectangles(job);

  // For few images the threads share out panels of channels first (each keeps its weights in its
  // cache), then bands of output rows: at most about 150 us each, a few for each thread, and not so
  // low that tiles along columns become short.
  const int64_t unit = d.pool ? 2 : 1, units = d.oh / unit, panels = d.groups * job.panels;
  const double unit_ns =
      0.01 * static_cast<double>(unit * d.ow * d.groups * job.og_padded * job.taps) + 20.0;
  const double total_ns = unit_ns * static_cast<double>(units * d.n);
  const int64_t threads = num_threads(), lowest = job.one_rectangle() ? 1 : 4 / unit;
  const int64_t parts = threads > 1 && d.n < 4 * threads ? std::min<int64_t>(panels, 4) : 1;
  const double band_ns =
      threads == 1 ? 150e3 : std::clamp(total_ns / static_cast<double>(4 * threads), 3e3, 150e3);
  const double part_ns = unit_ns * static_cast<double>(units) / static_cast<double>(parts);
  auto bands = static_cast<int64_t>(part_ns / band_ns + 0.999);
  if (d.n * parts < 4 * threads && bands > 1) bands = (bands + threads - 1) / threads * threads;
  bands = std::clamp<int64_t>(bands, 1, std::max<int64_t>(units / lowest, 1));
  parallel_tasks(parts * d.n * bands, total_ns, [&](int64_t task) {
    const int64_t part = task / bands / d.n, n = task / bands % d.n, band = task % bands;
    conv_band(job, n, units * band / bands * unit, units * (band + 1) / bands * unit,
              panels * part / parts, panels * (part + 1) / parts);
  });
  if (job.corners_apart) corners(job);
}

}  // namespace tinytorch::kernels::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels::simd {

HWY_EXPORT(run_direct_conv);
HWY_EXPORT(pack_weight);
HWY_EXPORT(packed_floats);

int64_t packed_direct_conv_floats(const DirectConv& conv) {
  return TINYTORCH_DISPATCH(packed_floats)(conv);
}
void pack_direct_conv(const DirectConv& conv, float* packed) {
  TINYTORCH_DISPATCH(pack_weight)(conv, packed);
}

void direct_conv(const DirectConv& conv) {
  if (conv.n == 0 || conv.oh < (conv.pool ? 2 : 1) || conv.ow == 0 || conv.og == 0) return;
  if (conv.method == ConvMethod::kBf16 && direct_conv_bf16(conv)) return;
  if (conv.method == ConvMethod::kWinograd && direct_conv_winograd(conv)) return;
  TINYTORCH_DISPATCH(run_direct_conv)(conv);
}

void touch(const float* from, const float* end) {
  for (; from < end; from += 16) static_cast<void>(*static_cast<const volatile float*>(from));
}

void padded_copy(const PaddedCopy& p, float* dst) {
  const int64_t first = std::clamp<int64_t>(-p.col, 0, p.cols);  // columns before the image
  const int64_t last = std::clamp<int64_t>(p.w - p.col, first, p.cols);
  const auto bytes = [&](int64_t pixels) {
    return static_cast<size_t>(pixels * p.c) * sizeof(float);
  };
  for (int64_t i = 0; i < p.rows; ++i, dst += p.cols * p.c) {
    const int64_t row = p.row + i;
    if (row < 0 || row >= p.h || first == last) {
      std::memset(dst, 0, bytes(p.cols));
      continue;
    }
    std::memset(dst, 0, bytes(first));
    std::memcpy(dst + first * p.c, p.image + (row * p.w + p.col + first) * p.c,
                bytes(last - first));
    std::memset(dst + last * p.c, 0, bytes(p.cols - last));
  }
}

}  // namespace tinytorch::kernels::simd
#endif
