// Einstein sums, mapped on permutations, sums and batched matrix products.
#include "tinytorch/ops/einsum.h"

#include <algorithm>
#include <array>
#include <map>

#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

// A dimension's label: a letter of the equation, or a number below 'A' for a dimension of "...",
// counted from the right.
using Label = int;
using Labels = std::vector<Label>;
constexpr Label kEllipsis = -1;
constexpr Label ellipsis_label(int from_right) {
  return from_right;
}
static_assert(kMaxDims < 'A');

bool holds(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

struct Equation {
  std::vector<Labels> inputs;  // with kEllipsis where "..." stands
  Labels output;
  bool has_output = false;
};

[[noreturn, gnu::cold]] void raise_equation(const std::string& text, const std::string& why) {
  raise<ConfigError>("einsum: '{}': {} Hint: \"ij,jk->ik\" is a matrix product.", text, why);
}

Labels read_labels(const std::string& text, size_t begin, size_t end) {
  Labels labels;
  for (size_t i = begin; i < end; ++i) {
    const char c = text[i];
    if (c == ' ') continue;
    if (text.compare(i, 3, "...") == 0 && i + 3 <= end) {
      if (holds(labels, kEllipsis)) raise_equation(text, "'...' stands twice in one operand.");
      labels.push_back(kEllipsis);
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      labels.push_back(c);
    } else {
      raise_equation(text, format_text("'{}' at position {} is no letter.", c, i));
    }
  }
  return labels;
}

Equation read_equation(const std::string& text) {
  Equation e;
  const size_t arrow = text.find("->"), end = std::min(arrow, text.size());
  for (size_t begin = 0; begin <= end;) {
    const size_t comma = std::min(text.find(',', begin), end);
    e.inputs.push_back(read_labels(text, begin, comma));
    begin = comma + 1;
  }
  if (arrow != text.npos) {
    e.has_output = true;
    e.output = read_labels(text, arrow + 2, text.size());
    for (size_t i = 0; i < e.output.size(); ++i)
      if (std::count(e.output.begin(), e.output.end(), e.output[i]) > 1)
        raise_equation(text, "a letter stands twice in the output.");
  }
  return e;
}

// Puts the labels of the operand's own dimensions where "..." stands.
Labels spread(const std::string& text, const Labels& labels, const Tensor& x, size_t number) {
  const auto named = static_cast<int>(labels.size()) - (holds(labels, kEllipsis) ? 1 : 0);
  const int rest = x.dim() - named;
  if (rest < 0 || (rest > 0 && !holds(labels, kEllipsis)))
    raise<ShapeError>("einsum: '{}' names {} dimensions of operand {}, which is {}.", text, named,
                      number, describe(x));
  Labels out;
  for (const Label label : labels) {
    if (label != kEllipsis) {
      out.push_back(label);
      continue;
    }
    for (int i = rest - 1; i >= 0; --i) out.push_back(ellipsis_label(i));
  }
  return out;
}

struct Operand {
  Tensor x;
  Labels labels;  // one a dimension
  int place(Label label) const {
    return static_cast<int>(std::find(labels.begin(), labels.end(), label) - labels.begin());
  }
};

// Dimensions of the same label become one, of the elements where their indices are equal.
void take_diagonals(const std::string& text, size_t number, Operand& o) {
  for (int i = 0; i < static_cast<int>(o.labels.size()); ++i)
    for (int j = i + 1; j < static_cast<int>(o.labels.size()); ++j) {
      if (o.labels[static_cast<size_t>(i)] != o.labels[static_cast<size_t>(j)]) continue;
      const int64_t n = o.x.size(i);
      if (o.x.size(j) != n)  // here even a size of 1 has nothing to go with
        raise<ShapeError>("einsum: '{}': '{}' stands twice for operand {}, with sizes {} and {}.",
                          text, static_cast<char>(o.labels[static_cast<size_t>(i)]), number, n,
                          o.x.size(j));
      // i and j as the last two, joined: the diagonal is every (n + 1)-th element
      std::vector<int> order;
      Labels labels;
      Shape joined;
      for (int d = 0; d < o.x.dim(); ++d) {
        if (d == i || d == j) continue;
        order.push_back(d);
        labels.push_back(o.labels[static_cast<size_t>(d)]);
        joined.push_back(o.x.size(d));
      }
      labels.push_back(o.labels[static_cast<size_t>(i)]);
      order.push_back(i);
      order.push_back(j);
      joined.push_back(n * n);
      o.x = permute_dims(o.x, order).reshape(joined).slice(-1, 0, n * n, n + 1);
      o.labels = labels;
      return take_diagonals(text, number, o);
    }
}

// Sums over the dimensions whose label nobody wants.
void sum_out(Operand& o, const Labels& wanted) {
  std::vector<int64_t> dims;
  Labels left;
  for (size_t i = 0; i < o.labels.size(); ++i) {
    if (holds(wanted, o.labels[i]))
      left.push_back(o.labels[i]);
    else
      dims.push_back(static_cast<int64_t>(i));
  }
  if (dims.empty()) return;
  o.x = sum(o.x, dims);
  o.labels = left;
}

// x with its dimensions in the order of `first`, `second`, `third`, each joined to one.
Tensor in_three(const Operand& o, const Labels& first, const Labels& second, const Labels& third) {
  std::vector<int> order;
  Shape shape;
  for (const Labels* part : {&first, &second, &third}) {
    int64_t size = 1;
    for (const Label label : *part) {
      const int d = o.place(label);
      order.push_back(d);
      size *= o.x.size(d);
    }
    shape.push_back(size);
  }
  return permute_dims(o.x, order).reshape(shape);
}

// The product of two operands, summed over what is in both and wanted no more.
Operand contract(const Operand& a, const Operand& b, const Labels& wanted) {
  Labels batch, summed, only_a, only_b;
  for (const Label label : a.labels) {
    if (!holds(b.labels, label))
      only_a.push_back(label);
    else if (holds(wanted, label))
      batch.push_back(label);
    else
      summed.push_back(label);
  }
  for (const Label label : b.labels)
    if (!holds(a.labels, label)) only_b.push_back(label);
  const Tensor product =
      bmm(in_three(a, batch, only_a, summed), in_three(b, batch, summed, only_b));
  Operand out;
  Shape shape;
  const auto append = [&](const Operand& from, const Labels& labels) {
    for (const Label label : labels) {
      out.labels.push_back(label);
      shape.push_back(from.x.size(from.place(label)));
    }
  };
  append(a, batch);
  append(a, only_a);
  append(b, only_b);
  out.x = product.reshape(shape);
  return out;
}

// The letters that stand once, in order, behind the dimensions of "...".
Labels implied_output(const std::vector<Operand>& operands) {
  std::map<Label, int> count;
  for (const Operand& o : operands)
    for (const Label label : o.labels) ++count[label];
  Labels out, letters;
  for (const auto& [label, times] : count) {
    if (label < 'A')
      out.insert(out.begin(), label);
    else if (times == 1)
      letters.push_back(label);
  }
  out.insert(out.end(), letters.begin(), letters.end());
  return out;
}

}  // namespace

Tensor einsum(const std::string& text, std::span<const Tensor> tensors) {
  const Equation equation = read_equation(text);
  if (equation.inputs.size() != tensors.size())
    raise<ConfigError>("einsum: '{}' has {} operands, {} were given.", text, equation.inputs.size(),
                       tensors.size());
  std::vector<Operand> operands;
  std::map<Label, int64_t> sizes;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!is_floating(tensors[i].dtype())) raise_not_float("einsum", tensors[i].dtype());
    require_same_dtype(tensors[0], tensors[i], "einsum");
    operands.push_back({tensors[i], spread(text, equation.inputs[i], tensors[i], i)});
    for (int d = 0; d < tensors[i].dim(); ++d) {
      const Label label = operands[i].labels[static_cast<size_t>(d)];
      int64_t& size = sizes.try_emplace(label, 1).first->second;
      const int64_t here = tensors[i].size(d);
      if (size != 1 && here != 1 && size != here)
        raise<ShapeError>(
            "einsum: '{}': {} has size {} and, in dim {} of operand {}, {}.", text,
            label < 'A' ? "a dimension of '...'" : format_text("'{}'", static_cast<char>(label)),
            size, d, i, here);
      if (here != 1) size = here;
    }
  }
  Labels output;
  if (!equation.has_output) {
    // Counted before diagonals join: "ii" is a trace.
    output = implied_output(operands);
  } else {
    for (const Label label : equation.output) {
      if (label != kEllipsis) {
        if (!sizes.count(label))
          raise_equation(
              text, format_text("'{}' of the output is in no operand.", static_cast<char>(label)));
        output.push_back(label);
        continue;
      }
      for (int i = kMaxDims - 1; i >= 0; --i)
        if (sizes.count(ellipsis_label(i))) output.push_back(ellipsis_label(i));
    }
  }
  for (size_t number = 0; number < operands.size(); ++number) {
    Operand& o = operands[number];
    take_diagonals(text, number, o);
    // A size of 1 among larger ones: without it the operand is the same for all of them.
    for (size_t i = o.labels.size(); i-- > 0;)
      if (const int d = static_cast<int>(i); o.x.size(d) == 1 && sizes[o.labels[i]] != 1) {
        o.x = o.x.squeeze(d);
        o.labels.erase(o.labels.begin() + d);
      }
  }
  Operand result = operands[0];
  for (size_t i = 1; i <= operands.size(); ++i) {
    Labels wanted = output;  // from here on
    for (size_t j = i + 1; j < operands.size(); ++j)
      wanted.insert(wanted.end(), operands[j].labels.begin(), operands[j].labels.end());
    Labels with_next = wanted;
    if (i < operands.size())
      with_next.insert(with_next.end(), operands[i].labels.begin(), operands[i].labels.end());
    sum_out(result, with_next);
    if (i == operands.size()) break;
    Labels of_next = wanted;
    of_next.insert(of_next.end(), result.labels.begin(), result.labels.end());
    sum_out(operands[i], of_next);
    result = contract(result, operands[i], wanted);
  }
  std::vector<int> order;
  for (const Label label : output) order.push_back(result.place(label));
  const Tensor out = permute_dims(result.x, order);
  // A sum that copies nothing would give the operand itself.
  return out.is_same(tensors[0]) ? out.view(out.shape()) : out;
}

Tensor outer(const Tensor& a, const Tensor& b) {
  if (a.dim() != 1 || b.dim() != 1)
    raise<ShapeError>("outer: {} and {} must be vectors. Hint: flatten() makes one.", describe(a),
                      describe(b));
  return a.unsqueeze(1) * b.unsqueeze(0);
}

// ---- the table

namespace {

std::vector<Sample> einsum_samples(SampleMaker& m) {
  const auto sample = [&](const std::string& equation, const std::vector<Shape>& shapes) {
    Sample s{
        equation, {}, [equation](const std::vector<Tensor>& t) { return einsum(equation, t); }};
    for (const Shape& shape : shapes) s.inputs.push_back(m.normal(shape));
    return s;
  };
  return {sample("ij,jk->ik", {{3, 4}, {4, 2}}),
          sample("bij,bjk->bik", {{2, 3, 4}, {2, 4, 2}}),
          sample("ij,kj", {{3, 4}, {2, 4}}),
          sample("i,j->ij", {{3}, {4}}),
          sample("ij->ji", {{3, 4}}),
          sample("ij->", {{3, 4}}),
          sample("ii", {{3, 3}}),
          sample("iji->ij", {{3, 2, 3}}),
          sample("b...c,...cd->b...d", {{2, 3, 4}, {3, 4, 2}}),
          sample("...i,...i->...", {{2, 1, 3}, {4, 3}}),
          sample("ik,jkl,il->ij", {{2, 3}, {4, 3, 2}, {2, 2}}),
          sample("bn,anm,bm->ba", {{2, 3}, {4, 3, 2}, {2, 2}}),
          sample("ij,ij->i", {{3, 1}, {3, 4}}),
          sample(",i->i", {{}, {3}}),
          sample("xy,yz->xz", {{2, 0}, {0, 3}})};
}
std::vector<ErrorCase> einsum_errors() {
  return {
      {"letters", [] { einsum("i1->i", {zeros({2, 2})}); },
       "einsum: 'i1->i': '1' at position 1 is no letter. Hint: \"ij,jk->ik\" is a matrix "
       "product."},
      {"operands", [] { einsum("ij,jk", {zeros({2, 2})}); }, "has 2 operands, 1 were given"},
      {"dimensions", [] { einsum("ijk->i", {zeros({2, 2})}); },
       "einsum: 'ijk->i' names 3 dimensions of operand 0, which is f32 [2, 2]"},
      {"sizes", [] { einsum("ij,jk", {zeros({2, 3}), zeros({4, 2})}); },
       "einsum: 'ij,jk': 'j' has size 3 and, in dim 0 of operand 1, 4"},
      {"output", [] { einsum("ij->ik", {zeros({2, 3})}); }, "'k' of the output is in no operand"},
      {"diagonal", [] { einsum("ii", {zeros({1, 3})}); },
       "einsum: 'ii': 'i' stands twice for operand 0, with sizes 1 and 3"},
      {"output twice", [] { einsum("ij->ii", {zeros({2, 3})}); },
       "a letter stands twice in the output"},
      {"two ellipses", [] { einsum("......", {zeros({2, 3})}); }, "'...' stands twice"},
      {"integers", [] { einsum("i->", {zeros({2}, DType::kI64)}); }, "works on f32 and f64"}};
}
std::vector<Sample> outer_samples(SampleMaker& m) {
  const auto run = [](const std::vector<Tensor>& t) { return outer(t[0], t[1]); };
  return {{"3 by 4", {m.normal({3}), m.normal({4})}, run},
          {"empty", {m.normal({0}), m.normal({2})}, run}};
}
std::vector<ErrorCase> outer_errors() {
  return {{"matrix", [] { outer(zeros({2, 2}), zeros({2})); },
           "outer: f32 [2, 2] and f32 [2] must be vectors"}};
}
Cost outer_cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 1);
}
// At least the products that one operation over all letters would make of the output.
Cost einsum_cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 2);
}

const OpInfo kTable[] = {
    {"einsum", "einsum(equation, {operands...})",
     "the product of the operands, summed over the letters that the output lacks",
     "by the steps: permute, sum, bmm", "each step's operands", "matmul sum", einsum_samples,
     einsum_cost, einsum_errors, 1e-6, true,
     "operands are multiplied from the left to the right; PyTorch may search an order"},
    {"outer", "outer(a, b)", "a[i] b[j]", "g b, a g", "a, b", "pointwise", outer_samples,
     outer_cost, outer_errors},
};

}  // namespace

std::span<const OpInfo> einsum_ops() {
  return kTable;
}

}  // namespace tinytorch
