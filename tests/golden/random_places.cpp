#include "tests/golden/random_maker.h"
#include "tinytorch/ops/indexing.h"
#include "tinytorch/ops/rearrange.h"
#include "tinytorch/ops/sort.h"

namespace tinytorch::golden {

namespace {

int64_t any_dim(Random& r, const Shape& s) {
  return r.in(-s.rank(), s.rank() - 1);
}
int place_of(int64_t dim, const Shape& s) {
  return static_cast<int>(dim < 0 ? dim + s.rank() : dim);
}

// Some of the dimensions of s, each once, counted from either end.
std::vector<int64_t> some_dims(Random& r, const Shape& s) {
  std::vector<int64_t> dims = r.permutation(s.rank());
  dims.resize(static_cast<size_t>(r.in(1, s.rank())));
  for (int64_t& d : dims)
    if (r.chance(2)) d -= s.rank();
  return dims;
}

void index_cases(Maker& m) {
  m.add("gather, negative dims", 4, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const int64_t dim = any_dim(r, s);
    const int along = place_of(dim, s);
    Shape at;
    for (int d = 0; d < s.rank(); ++d) at.push_back(d == along ? r.in(1, 7) : r.in(1, s[d]));
    return RandomCase{"",
                      fmt::format("t[0].gather({}, t[1])", dim),
                      {r.reals(s), r.integers(at, s[along])},
                      [=](const Tensors& t) { return gather(t[0], dim, t[1]); }};
  });
  m.add("scatter_add", 8, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const int64_t dim = any_dim(r, s);
    const int along = place_of(dim, s);
    Shape at, source;
    std::string part;  // PyTorch has a gradient only for a source of the index's shape
    for (int d = 0; d < s.rank(); ++d) {
      at.push_back(d == along ? r.in(1, 7) : r.in(1, s[d]));
      source.push_back(at[d] + r.in(0, 2));
      part += fmt::format("{}:{}", d > 0 ? ", " : "", at[d]);
    }
    return RandomCase{"",
                      fmt::format("t[0].scatter_add({}, t[1], t[2][{}])", dim, part),
                      {r.reals(s), r.integers(at, s[along]), r.reals(source)},
                      [=](const Tensors& t) { return scatter_add(t[0], dim, t[1], t[2]); }};
  });
  m.add("index_put", 5, [](Random& r) {  // each place once: PyTorch leaves the others open
    const Shape s = r.shape(1, 4);
    Shape block = {r.in(1, s[0])};
    Tensor rows = empty(block, DType::kI64);
    const std::vector<int64_t> order = r.permutation(s[0]);
    std::copy_n(order.begin(), block[0], rows.data<int64_t>());
    for (int d = 1; d < s.rank(); ++d) block.push_back(s[d]);
    return RandomCase{"",
                      "t[0].index_put((t[1],), t[2])",
                      {r.reals(s), rows, r.reals(r.broadcastable(block))},
                      [](const Tensors& t) { return index_put(t[0], {t[1]}, t[2]); }};
  });
  m.add("index_put that adds", 8, [](Random& r) {
    const Shape s = r.shape(1, 4), places = r.shape(1, 2, 4);
    const int64_t indices = r.in(1, s.rank());
    const int64_t full = r.in(0, indices - 1);  // this one is not broadcast
    Shape block = places;
    Tensors inputs(1, r.reals(s));
    std::string names;
    for (int64_t i = 0; i < s.rank(); ++i) {
      const int64_t size = s[static_cast<int>(i)];
      if (i >= indices) {
        block.push_back(size);
        continue;
      }
      inputs.push_back(r.integers(i == full ? places : r.broadcastable(places), size));
      names += fmt::format("t[{}], ", i + 1);
    }
    inputs.push_back(r.reals(r.broadcastable(block)));
    return RandomCase{"", fmt::format("t[0].index_put(({}), t[-1], accumulate=True)", names),
                      inputs, [=](const Tensors& t) {
                        return index_put(t[0], {t.begin() + 1, t.end() - 1}, t.back(), true);
                      }};
  });
  m.add("masked_select", 6, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const bool wide = r.chance(2);  // which of the two is broadcast
    return RandomCase{
        "",
        "t[0].masked_select(t[1])",
        {r.reals(wide ? s : r.broadcastable(s)), r.booleans(wide ? r.broadcastable(s) : s)},
        [](const Tensors& t) { return masked_select(t[0], t[1]); }};
  });
}

void order_cases(Maker& m) {
  for (const bool indices : {false, true}) {
    m.add(indices ? "argsort" : "sort", 4, [&](Random& r) {
      const Shape s = r.shape(1, 4, 9);
      const int64_t dim = any_dim(r, s);
      const bool down = r.chance(2);
      return RandomCase{"",
                        fmt::format("t[0].sort({}, {})[{:d}]", dim, python(down), indices),
                        {r.reals(s)},
                        [=](const Tensors& t) {
                          return indices ? argsort(t[0], dim, down) : sort(t[0], dim, down).first;
                        }};
    });
    m.add(indices ? "topk indices" : "topk", 5, [&](Random& r) {
      const Shape s = r.shape(1, 4, 9);
      const int64_t dim = any_dim(r, s), k = r.in(0, s[place_of(dim, s)]);
      const bool largest = r.chance(2);
      return RandomCase{
          "",
          fmt::format("t[0].topk({}, {}, {})[{:d}]", k, dim, python(largest), indices),
          {r.reals(s)},
          [=](const Tensors& t) {
            const auto [values, at] = topk(t[0], k, dim, largest);
            return indices ? at : values;
          }};
    });
  }
}

void rearranged_cases(Maker& m) {
  for (const bool lower : {true, false})
    m.add(lower ? "tril" : "triu", 4, [&](Random& r) {
      const int64_t diagonal = r.in(-5, 5);
      return RandomCase{
          "",
          fmt::format("t[0].{}({})", lower ? "tril" : "triu", diagonal),
          {r.reals(r.shape(2, 4))},
          [=](const Tensors& t) { return lower ? tril(t[0], diagonal) : triu(t[0], diagonal); }};
    });
  m.add("flip", 5, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const std::vector<int64_t> dims = some_dims(r, s);
    return RandomCase{
        "", fmt::format("t[0].flip({})", python(dims)), {r.reals(s)}, [=](const Tensors& t) {
          return flip(t[0], dims);
        }};
  });
  m.add("roll", 6, [](Random& r) {
    const Shape s = r.shape(1, 4);
    std::vector<int64_t> dims = some_dims(r, s), shifts;
    if (r.chance(4)) dims.clear();  // as one row
    for (size_t i = 0; i < std::max<size_t>(1, dims.size()); ++i) shifts.push_back(r.in(-9, 9));
    return RandomCase{"",
                      fmt::format("t[0].roll({}, {})", python(shifts), python(dims)),
                      {r.reals(s)},
                      [=](const Tensors& t) { return roll(t[0], shifts, dims); }};
  });
  m.add("repeat", 6, [](Random& r) {
    const Shape s = r.shape(0, 3, 4);
    std::vector<int64_t> times;
    for (int64_t i = s.rank() + r.in(s.rank() == 0, 2); i > 0; --i) times.push_back(r.in(1, 3));
    if (r.chance(6)) times.back() = 0;
    return RandomCase{
        "", fmt::format("t[0].repeat({})", python(times)), {r.reals(s)}, [=](const Tensors& t) {
          return repeat(t[0], times);
        }};
  });
  m.add("unfold", 6, [](Random& r) {
    Shape s = r.shape(1, 4, 4);
    const int64_t dim = any_dim(r, s), size = r.in(1, 4), step = r.in(1, 3);
    s[place_of(dim, s)] = size + r.in(0, 6);
    return RandomCase{"",
                      fmt::format("t[0].unfold({}, {}, {})", dim, size, step),
                      {r.reals(s)},
                      [=](const Tensors& t) { return unfold(t[0], dim, size, step); }};
  });
}

}  // namespace

void place_cases(Maker& m) {
  index_cases(m);
  order_cases(m);
  rearranged_cases(m);
}

}  // namespace tinytorch::golden
