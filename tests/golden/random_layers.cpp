#include <cmath>

#include "tests/golden/random_maker.h"
#include "tinytorch/ops/einsum.h"
#include "tinytorch/ops/interpolate.h"
#include "tinytorch/ops/normalization.h"
#include "tinytorch/ops/statistics.h"
#include "tinytorch/ops/transposed_conv.h"

namespace tinytorch::golden {

namespace {

void einsum_cases(Maker& m) {
  m.add("einsum", 30, [](Random& r) {
    const std::string letters = "abcdE";
    int64_t sizes[5];
    for (int64_t& size : sizes) size = r.in(2, 4);
    std::string equation, used;
    Tensors operands;
    for (int64_t left = r.in(1, 3); left > 0; --left) {
      int64_t own[5];  // a size of 1 goes with any
      for (int i = 0; i < 5; ++i) own[i] = r.chance(8) ? 1 : sizes[i];
      Shape s;
      for (int64_t rank = r.chance(5) ? 0 : r.in(1, 3); rank > 0; --rank) {
        const int64_t i = r.in(0, 4);  // maybe again in this operand: a diagonal
        s.push_back(own[i]);
        equation += letters[i];
        if (used.find(letters[i]) == std::string::npos) used += letters[i];
      }
      operands.push_back(r.reals(s));
      if (left > 1) equation += ',';
    }
    if (!r.chance(4)) {  // else the output has the letters that stand once
      equation += "->";
      for (const int64_t i : r.permutation(static_cast<int64_t>(used.size())))
        if (r.chance(2)) equation += used[i];
    }
    return RandomCase{"", fmt::format("torch.einsum('{}', *t)", equation), operands,
                      [=](const Tensors& t) { return einsum(equation, t); }};
  });
  for (const std::string equation : {"...ij,...jk", "...ij,...jk->k...i", "i...j,jk->...ik"})
    m.add("einsum " + equation, 3, [&](Random& r) {
      const Shape batch = r.shape(1, 2, 3);
      const int64_t n = r.in(1, 4), k = r.in(1, 4), p = r.in(1, 4);
      const bool plain = equation.front() == '.';
      Shape a = plain ? r.broadcastable(batch) : Shape{n}, b = plain ? batch : Shape{};
      if (plain)
        a.push_back(n);
      else
        for (int i = 0; i < batch.rank(); ++i) a.push_back(batch[i]);
      a.push_back(k);
      b.push_back(k), b.push_back(p);
      return RandomCase{"",
                        fmt::format("torch.einsum('{}', *t)", equation),
                        {r.reals(a), r.reals(b)},
                        [=](const Tensors& t) { return einsum(equation, t); }};
    });
}

void convolution_cases(Maker& m) {
  m.add("conv1d", 8, [](Random& r) {
    const int64_t groups = r.in(1, 3), in = groups * r.in(1, 3), out = groups * r.in(1, 3);
    const int64_t k = r.in(1, 4), stride = r.in(1, 3), padding = r.in(0, 2), dilation = r.in(1, 2);
    const int64_t length = dilation * (k - 1) + 1 + r.in(0, 6);
    const bool bias = r.chance(2);
    Tensors inputs = {r.reals({r.in(1, 3), in, length}), r.reals({out, in / groups, k})};
    if (bias) inputs.push_back(r.reals({out}));
    return RandomCase{"",
                      fmt::format("F.conv1d(t[0], t[1], {}, {}, {}, {}, {})",
                                  bias ? "t[2]" : "None", stride, padding, dilation, groups),
                      inputs, [=](const Tensors& t) {
                        return conv1d(t[0], t[1], bias ? t[2] : Tensor(), stride, padding, dilation,
                                      groups);
                      }};
  });
  for (const bool images : {true, false})
    m.add(images ? "conv_transpose2d" : "conv_transpose1d", images ? 10 : 5, [&](Random& r) {
      ConvTransposeOptions o;
      o.groups = r.in(1, 3);
      const int64_t in = o.groups * r.in(1, 3), out = r.in(1, 3);  // of each group
      Shape x = {r.in(1, 2), in}, weight = {in, out};
      for (int i = 0; i < (images ? 2 : 1); ++i) {
        const int64_t k = r.in(1, 4), size = r.in(1, 4);
        o.stride[i] = r.in(1, 3), o.dilation[i] = r.in(1, 2);
        o.output_padding[i] = r.in(0, std::max(o.stride[i], o.dilation[i]) - 1);
        const int64_t whole = (size - 1) * o.stride[i] + o.dilation[i] * (k - 1) + 1;
        o.padding[i] = r.in(0, std::min<int64_t>(2, (whole - 1) / 2));  // something is left
        x.push_back(size), weight.push_back(k);
      }
      const bool bias = r.chance(2);
      Tensors inputs = {r.reals(x), r.reals(weight)};
      if (bias) inputs.push_back(r.reals({o.groups * out}));
      const auto option = [&](const int64_t(&pair)[2]) {
        return images ? fmt::format("({}, {})", pair[0], pair[1]) : fmt::format("{}", pair[0]);
      };
      return RandomCase{
          "",
          fmt::format("F.conv_transpose{}d(t[0], t[1], {}, {}, {}, {}, {}, {})", images ? 2 : 1,
                      bias ? "t[2]" : "None", option(o.stride), option(o.padding),
                      option(o.output_padding), o.groups, option(o.dilation)),
          inputs, [=](const Tensors& t) {
            const Tensor b = bias ? t[2] : Tensor();
            return images ? conv_transpose2d(t[0], t[1], b, o)
                          : conv_transpose1d(t[0], t[1], b, o.stride[0], o.padding[0],
                                             o.output_padding[0], o.groups, o.dilation[0]);
          }};
    });
  for (const bool smooth : {false, true})
    m.add(smooth ? "interpolate, bilinear" : "interpolate, nearest", 8, [&](Random& r) {
      const auto mode = smooth ? Interpolation::kBilinear : Interpolation::kNearest;
      const Shape s = {r.in(1, 2), r.in(1, 3), r.in(1, 6), r.in(2, 9)};
      const bool corners = smooth && r.chance(2), by = r.chance(2);
      const int64_t h = r.in(1, 9), w = r.in(1, 9);
      // One that neither keeps nor doubles the size: PyTorch's two kernels differ there.
      const auto factor = [&](int64_t size) {
        for (;;) {
          const double f = r.real(1.0 / static_cast<double>(size), 3.5) + 1e-6;
          const double after =
              std::floor(static_cast<double>(size) * f) / static_cast<double>(size);
          if (smooth || (after != 1 && after != 2)) return f;
        }
      };
      const double up = factor(s[2]), across = factor(s[3]);
      const std::string size = by ? fmt::format("scale_factor=({:.17g}, {:.17g})", up, across)
                                  : fmt::format("size=({}, {})", h, w);
      const std::string how =
          smooth ? fmt::format("mode='bilinear', align_corners={}", python(corners))
                 : "mode='nearest'";
      return RandomCase{"",
                        fmt::format("F.interpolate(t[0], {}, {})", size, how),
                        {r.reals(s)},
                        [=](const Tensors& t) {
                          return by ? interpolate_by(t[0], up, across, mode, corners)
                                    : interpolate(t[0], h, w, mode, corners);
                        }};
    });
}

void normalized_cases(Maker& m) {
  m.add("group_norm", 6, [](Random& r) {
    const int64_t groups = r.in(1, 3), channels = groups * r.in(1, 4);
    Shape s = {r.in(1, 3), channels};
    for (int64_t more = r.in(1, 2); more > 0; --more) s.push_back(r.in(2, 5));
    const bool affine = r.chance(2);
    Tensors inputs(1, r.reals(s));
    if (affine) inputs.insert(inputs.end(), {r.reals({channels}), r.reals({channels})});
    return RandomCase{"",
                      fmt::format("F.group_norm(t[0], {}, {}, eps=1e-3)", groups,
                                  affine ? "t[1], t[2]" : "None, None"),
                      inputs, [=](const Tensors& t) {
                        return affine ? group_norm(t[0], groups, t[1], t[2], 1e-3)
                                      : group_norm(t[0], groups, {}, {}, 1e-3);
                      }};
  });
  m.add("rms_norm", 6, [](Random& r) {
    const Shape s = r.shape(1, 4, 9);
    const int64_t first = r.in(0, s.rank() - 1);
    Shape tail;
    std::vector<int64_t> dims;
    for (int64_t d = first; d < s.rank(); ++d) {
      tail.push_back(s[static_cast<int>(d)]);
      dims.push_back(d);
    }
    const bool weighted = r.chance(2);
    Tensors inputs(1, r.reals(s));
    if (weighted) inputs.push_back(r.reals(tail));
    return RandomCase{"",
                      fmt::format("t[0] / torch.sqrt((t[0] * t[0]).mean({}, True) + 1e-3){}",
                                  python(dims), weighted ? " * t[1]" : ""),
                      inputs, [=](const Tensors& t) {
                        return rms_norm(t[0], tail, weighted ? t[1] : Tensor(), 1e-3);
                      }};
  });
}

void statistic_cases(Maker& m) {
  for (const char* p : {"0.5", "1", "1.5", "3", "-1", "inf", "-inf"})
    m.add(fmt::format("norm {}", p), 2, [&](Random& r) {
      const Shape s = r.shape(2, 4);
      const std::vector<int64_t> dims = {r.chance(2) ? -1 : s.rank() - 1, 0};
      const bool keep = r.chance(2);
      const double power = std::stod(p);
      return RandomCase{"",
                        fmt::format("torch.linalg.vector_norm(t[0], float('{}'), {}, {})", p,
                                    python(dims), python(keep)),
                        {r.reals(s)},
                        [=](const Tensors& t) { return norm(t[0], power, dims, keep); }};
    });
  m.add("std, biased", 4, [](Random& r) {
    Shape s = r.shape(2, 4);
    s[0] = std::max<int64_t>(s[0], 2);
    const std::vector<int64_t> dims = {-s.rank(), 1};
    const bool keep = r.chance(2);
    return RandomCase{
        "",
        fmt::format("t[0].std({}, unbiased=False, keepdim={})", python(dims), python(keep)),
        {r.reals(s)},
        [=](const Tensors& t) { return std(t[0], dims, false, keep); }};
  });
  for (const bool smallest : {false, true}) {
    m.add(smallest ? "min of a dim" : "amax", 4, [&](Random& r) {
      const Shape s = r.shape(1, 4);
      const int64_t dim = r.in(-s.rank(), s.rank() - 1);
      const bool keep = r.chance(2);
      return RandomCase{"",
                        smallest ? fmt::format("t[0].min({}, {})[0]", dim, python(keep))
                                 : fmt::format("t[0].amax({}, {})", dim, python(keep)),
                        {r.reals(s)},
                        [=](const Tensors& t) {
                          return smallest ? min(t[0], dim, keep).first : amax(t[0], {dim}, keep);
                        }};
    });
    m.add(smallest ? "argmin" : "argmax of all", 2, [&](Random& r) {
      return RandomCase{"",
                        smallest ? "t[0].argmin()" : "t[0].argmax()",
                        {r.reals(r.shape(1, 4))},
                        [=](const Tensors& t) { return smallest ? argmin(t[0]) : argmax(t[0]); }};
    });
  }
  m.add("prod of all", 2, [](Random& r) {
    return RandomCase{"", "t[0].prod()", {r.reals(r.shape(1, 3, 3))}, [](const Tensors& t) {
                        return prod(t[0]);
                      }};
  });
}

}  // namespace

void layer_cases(Maker& m) {
  einsum_cases(m);
  convolution_cases(m);
  normalized_cases(m);
  statistic_cases(m);
}

}  // namespace tinytorch::golden
