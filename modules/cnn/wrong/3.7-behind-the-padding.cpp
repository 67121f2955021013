// task: 3.7
// region: 3.7a
// test: avg_pool.of_windows_behind_the_padding
// state: FAIL
// cause: it always divides by kh
const int64_t top = i * g.stride_h - g.pad_h, left = j * g.stride_w - g.pad_w;
const int64_t pad_h = g.count_include_pad ? g.pad_h : 0;
const int64_t pad_w = g.count_include_pad ? g.pad_w : 0;
const int64_t rows = std::min(top + g.kh, g.h + pad_h) - std::max(top, -pad_h);
const int64_t cols = std::min(left + g.kw, g.w + pad_w) - std::max(left, -pad_w);
return g.count_include_pad ? g.kh * g.kw : rows * cols;
