// Losses made of differentiable operations, so that they can be differentiated twice. Those with a
// kernel of their own stand in loss.cpp.
#include "tinytorch/ops/losses.h"

#include <cmath>
#include <limits>

#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/ops/common.h"
#include "tinytorch/ops/math.h"

namespace tinytorch {

namespace {

Tensor reduced(const Tensor& each, Reduction reduction) {
  if (reduction == Reduction::kNone) return each;
  return reduction == Reduction::kMean ? mean(each) : sum(each);
}

void require_alike(const Tensor& x, const Tensor& target, const char* op) {
  require_same_dtype(x, target, op);
  if (!is_floating(x.dtype())) raise_not_float(op, x.dtype());
  if (x.shape() != target.shape())
    raise<ShapeError>(
        "{}: {} and {} must have the same shape. Hint: a silent broadcast would change the mean; "
        "expand() one of them if that is meant.",
        op, describe(x), describe(target));
}

// `each` times a weight that broadcasts to it.
Tensor weighted(const Tensor& each, const Tensor& weight, const char* op, const char* name) {
  if (!weight.defined()) return each;
  require_same_dtype(each, weight, op);
  if (broadcast_shapes(each.shape(), weight.shape(), op) != each.shape())
    raise<ShapeError>("{}: the {} {} does not broadcast to the input's shape {}.", op, name,
                      describe(weight), each.shape().str());
  return each * weight;
}

// ---- labels

// Class indices with 0 in place of ignore_index, and which of them count.
struct Labels {
  Tensor index, kept;  // i64 and bool, in the target's shape
};

// x (n, classes, ...), target (n, ...).
Labels read_labels(const Tensor& x, const Tensor& target, int64_t ignore_index, const char* op) {
  if (target.dtype() != DType::kI64)
    raise<DTypeError>("{}: targets {} must be class indices of dtype i64.", op, describe(target));
  Shape expected = x.shape();
  if (x.dim() >= 2) expected.erase(1);
  if (x.dim() < 2 || target.shape() != expected)
    raise<ShapeError>(
        "{}: {} wants targets of shape {}, got {}. Hint: the input is (n, classes) or (n, classes, "
        "d1, ...), targets have no class dimension.",
        op, describe(x), expected.str(), describe(target));
  const NoGrad no_grad;
  const Tensor labels = target.contiguous();
  const int64_t* p = labels.data<int64_t>();
  const kernels::TargetCheck check =
      kernels::check_targets(p, labels.numel(), x.shape()[1], ignore_index);
  if (check.first_bad >= 0)
    raise<IndexError>(
        "{}: label {} of row {} is not a class: {} has classes 0 to {}. Hint: labels to be left "
        "out are ignore_index ({}).",
        op, p[check.first_bad], check.first_bad, describe(x), x.shape()[1] - 1, ignore_index);
  const Tensor kept = ne(labels, Scalar(ignore_index));
  return {where(kept, labels, zeros(labels.shape(), DType::kI64)), kept};
}

void check_class_weight(const Tensor& x, const Tensor& weight, const char* op) {
  if (weight.defined() && (weight.shape() != Shape{x.shape()[1]} || weight.dtype() != x.dtype()))
    raise<ShapeError>("{}: the weight {} does not fit {}: it must be {} [{}], one for each class.",
                      op, describe(weight), describe(x), dtype_name(x.dtype()), x.shape()[1]);
}

// Each label's weight, 0 for those that do not count.
Tensor label_weights(const Labels& labels, const Tensor& weight, DType dtype) {
  Tensor kept = labels.kept.to(dtype);
  if (!weight.defined()) return kept;
  const Tensor flat = index_select(weight, 0, labels.index.reshape({labels.index.numel()}));
  return flat.reshape(labels.index.shape()) * kept;
}

// -w x[target] for each label. What does not count may be infinite: it is never multiplied.
Tensor nll_each(const Tensor& x, const Labels& labels, const Tensor& w) {
  const Tensor hit = [&] {
    const NoGrad no_grad;
    Shape classes = Dims::filled(x.dim(), 1);
    classes[1] = x.shape()[1];
    const Tensor is_label = eq(arange(x.shape()[1]).reshape(classes), labels.index.unsqueeze(1));
    return where(labels.kept.unsqueeze(1), is_label, zeros({}, DType::kBool));
  }();
  const Tensor picked = where(hit, x, zeros({}, x.dtype()));
  return sum(picked, std::vector<int64_t>{1}) * (w * -1.0);
}

Tensor by_class(const Tensor& weight, const Tensor& x) {  // (classes) as (1, classes, 1, ...)
  Shape shape = Dims::filled(x.dim(), 1);
  shape[1] = x.shape()[1];
  return weight.reshape(shape);
}

// -sum over classes of weight target log_softmax(logits)
Tensor probability_cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight,
                                 Reduction reduction, double smoothing) {
  const auto classes = static_cast<double>(logits.shape()[1]);
  const Tensor wanted =
      smoothing > 0 ? target * (1 - smoothing) + Scalar(smoothing / classes) : target;
  Tensor each = wanted * log_softmax(logits, 1);
  if (weight.defined()) each = each * by_class(weight, logits);
  const Tensor loss = sum(each, std::vector<int64_t>{1}) * -1.0;
  return reduced(loss, reduction);
}

Tensor label_cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight,
                           int64_t ignore_index, Reduction reduction, double smoothing) {
  const Labels labels = read_labels(logits, target, ignore_index, "cross_entropy");
  const Tensor w = label_weights(labels, weight, logits.dtype());
  const Tensor logs = log_softmax(logits, 1);
  Tensor each = nll_each(logs, labels, w);
  if (smoothing > 0) {  // towards each class alike, by its weight
    const Tensor over_classes = sum(logs * by_class(weight, logits), std::vector<int64_t>{1});
    const double share = smoothing / static_cast<double>(logits.shape()[1]);
    const Tensor counted = where(labels.kept, over_classes, zeros({}, logits.dtype()));
    each = each * (1 - smoothing) - counted * share;
  }
  return reduction == Reduction::kMean ? sum(each) / sum(w) : reduced(each, reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight,
                     int64_t ignore_index, Reduction reduction, double label_smoothing) {
  check_label_smoothing(label_smoothing);
  const bool probabilities = is_floating(target.dtype()) && target.shape() == logits.shape();
  if (!weight.defined() && !probabilities)  // the kernel
    return cross_entropy(logits, target, reduction, ignore_index, label_smoothing);
  if (logits.dim() == 1) {
    const Tensor loss = cross_entropy(logits.unsqueeze(0), target.unsqueeze(0), weight,
                                      ignore_index, reduction, label_smoothing);
    return loss.reshape({});
  }
  if (logits.dim() == 0)
    raise<ShapeError>("cross_entropy: logits {} have no classes.", describe(logits));
  check_class_weight(logits, weight, "cross_entropy");
  if (!probabilities)
    return label_cross_entropy(logits, target, weight, ignore_index, reduction, label_smoothing);
  require_same_dtype(logits, target, "cross_entropy");
  return probability_cross_entropy(logits, target, weight, reduction, label_smoothing);
}

Tensor nll_loss(const Tensor& x, const Tensor& target, const Tensor& weight, int64_t ignore_index,
                Reduction reduction) {
  if (x.dim() == 1)
    return nll_loss(x.unsqueeze(0), target.unsqueeze(0), weight, ignore_index, reduction)
        .reshape({});
  const Labels labels = read_labels(x, target, ignore_index, "nll_loss");
  check_class_weight(x, weight, "nll_loss");
  const Tensor w = label_weights(labels, weight, x.dtype());
  const Tensor each = nll_each(x, labels, w);
  return reduction == Reduction::kMean ? sum(each) / sum(w) : reduced(each, reduction);
}

namespace {

// log(sigmoid(x)) = min(x, 0) - log1p(exp(-|x|))
Tensor log_sigmoid(const Tensor& x) {
  Tensor out;
  {
    const NoGrad no_grad;
    const Tensor zero = zeros(x.shape(), x.dtype());
    out = where(lt(x, 0), x, zero) - log1p(exp(neg(abs(x))));
  }
  if (needs_grad(x))
    set_gradient(
        "log_sigmoid", out, {&x},
        [x = Saved(x)](GradContext& c) { c.set(0, c.grad() * sigmoid(neg(x.get(c)))); },
        Formula::kComposed);
  return out;
}

// At least -100: the logarithm of 0 in binary_cross_entropy.
Tensor bounded(const Tensor& logs) {
  return clamp(logs, -100, std::numeric_limits<double>::infinity());
}

}  // namespace

Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  require_alike(x, target, "l1_loss");
  return reduced(abs(x - target), reduction);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction, double beta) {
  require_alike(x, target, "smooth_l1_loss");
  if (!(beta >= 0)) raise<Error>("smooth_l1_loss: beta {} must not be negative.", beta);
  if (beta == 0) return l1_loss(x, target, reduction);
  const Tensor d = x - target, zero = zeros(d.shape(), d.dtype());
  const Tensor near = lt(abs(d), Scalar(beta));
  // each branch sees only its own differences: a square that overflows reaches no gradient
  const Tensor small = where(near, d, zero), large = where(near, zero, d);
  const Tensor offset = where(near, zero, full(d.shape(), beta / 2, d.dtype()));
  return reduced(small * small * (0.5 / beta) + (abs(large) - offset), reduction);
}

// The gradient is PyTorch's: (x - t) / max(x (1 - x), 1e-12), finite at 0 and 1.
Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                            Reduction reduction) {
  const char* op = "binary_cross_entropy";
  require_alike(x, target, op);
  Tensor each;
  {
    const NoGrad no_grad;
    const double inside = sum(ge(x, 0).to(DType::kI64) * le(x, 1).to(DType::kI64)).item();
    if (inside != static_cast<double>(x.numel()))
      raise<Error>(
          "binary_cross_entropy: the input {} has values outside [0, 1] (or NaN). Hint: "
          "binary_cross_entropy_with_logits takes what comes before the sigmoid.",
          describe(x));
    each = neg(target * bounded(log(x)) + (1 - target) * bounded(log1p(neg(x))));
  }
  if (needs_grad(x, target))
    set_gradient(
        op, each, {&x, &target},
        [x = Saved(x), target = Saved(target)](GradContext& c) {
          const Tensor p = x.get(c), t = target.get(c);
          if (c.needs(0)) {
            const Tensor spread = p * (1 - p), least = full(p.shape(), 1e-12, p.dtype());
            c.set(0, c.grad() * (p - t) / where(gt(spread, least), spread, least));
          }
          if (c.needs(1)) c.set(1, c.grad() * (bounded(log1p(neg(p))) - bounded(log(p))));
        },
        Formula::kComposed);
  return reduced(weighted(each, weight, op, "weight"), reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, const Tensor& weight,
                                        Reduction reduction, const Tensor& pos_weight) {
  const char* op = "binary_cross_entropy_with_logits";
  require_alike(x, target, op);
  const Tensor positive = weighted(target * log_sigmoid(x), pos_weight, op, "pos_weight");
  const Tensor each = (positive + (1 - target) * log_sigmoid(neg(x))) * -1.0;
  return reduced(weighted(each, weight, op, "weight"), reduction);
}

Tensor kl_div(const Tensor& x, const Tensor& target, KlReduction reduction, bool log_target) {
  require_alike(x, target, "kl_div");
  Tensor each;
  if (log_target) {
    each = exp(target) * (target - x);
  } else {  // t log(t) is 0 at 0 and NaN below
    const Tensor logs = log(where(ne(target, 0), target, ones(target.shape(), target.dtype())));
    each = target * (logs - x);
  }
  if (reduction == KlReduction::kBatchMean) {
    if (x.dim() == 0) raise<ShapeError>("kl_div: {} has no batch dimension.", describe(x));
    return sum(each) / Scalar(static_cast<double>(x.shape()[0]));
  }
  return reduction == KlReduction::kNone
             ? each
             : reduced(each, reduction == KlReduction::kMean ? Reduction::kMean : Reduction::kSum);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

// Weights for n classes: 0.5, 0.75, 1, ... in the dtype of x. No inputs of the samples, because
// PyTorch has no gradients for them.
Tensor class_weights(int64_t n, const Tensor& x) {
  return (arange(n).to(x.dtype()) * 0.25 + 0.5).detach();
}
std::vector<Sample> nll_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& x, const Shape& target, bool weight,
                          int64_t ignore, Reduction r) {
    const int64_t classes = x[x.rank() > 1 ? 1 : 0];
    return Sample{std::move(label), {m.normal(x), m.indices(target, classes)}, [=](Inputs t) {
                    const Tensor w = weight ? class_weights(classes, t[0]) : Tensor();
                    return nll_loss(t[0], t[1], w, ignore, r);
                  }};
  };
  return {sample("mean", {6, 5}, {6}, false, -100, Reduction::kMean),
          sample("weights, ignoring class 1", {9, 4}, {9}, true, 1, Reduction::kMean),
          sample("weights, none", {5, 3}, {5}, true, 2, Reduction::kNone),
          sample("images, sum", {2, 3, 2, 4}, {2, 2, 4}, true, -100, Reduction::kSum),
          sample("one row, no batch", {5}, {}, true, -100, Reduction::kMean),
          sample("empty, sum", {0, 3}, {0}, false, -100, Reduction::kSum)};
}

// Two inputs whose differences are distinct: multiples of 0.03 times `spread` that are not 0.
std::vector<Tensor> apart(SampleMaker& m, const Shape& shape, double spread = 1) {
  const Tensor target = m.normal(shape);
  return {target + m.distinct(shape) * spread, target};
}
std::vector<Sample> l1_samples(SampleMaker& m) {
  const auto with = [](Reduction r) { return [r](Inputs t) { return l1_loss(t[0], t[1], r); }; };
  return {{"mean", apart(m, {3, 4}), with(Reduction::kMean)},
          {"sum", apart(m, {5}), with(Reduction::kSum)},
          {"none", apart(m, {2, 3, 2}), with(Reduction::kNone)},
          {"scalars", apart(m, {}), with(Reduction::kMean)},
          {"empty, sum", apart(m, {2, 0}), with(Reduction::kSum)}};
}
std::vector<Sample> smooth_l1_samples(SampleMaker& m) {
  const auto with = [](Reduction r, double beta) {
    return [r, beta](Inputs t) { return smooth_l1_loss(t[0], t[1], r, beta); };
  };
  return {{"mean", apart(m, {3, 4}, 8), with(Reduction::kMean, 1)},
          {"sum, beta 0.1", apart(m, {3, 4}), with(Reduction::kSum, 0.1)},
          {"none, beta 0", apart(m, {2, 3}), with(Reduction::kNone, 0)},
          {"empty, sum", apart(m, {0}), with(Reduction::kSum, 1)}};
}
// Between 0.25 and 1.75, in the dtype of x.
Tensor row_weights(const Tensor& x, int64_t n) {
  return (arange(n).to(x.dtype()) * (1.5 / static_cast<double>(n)) + 0.25).detach();
}
std::vector<Sample> bce_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& s, bool weight, Reduction r) {
    return Sample{std::move(label), {m.uniform(s, 0.05, 0.95), m.uniform(s, 0, 1)}, [=](Inputs t) {
                    return binary_cross_entropy(t[0], t[1],
                                                weight ? row_weights(t[0], s.back()) : Tensor(), r);
                  }};
  };
  return {sample("mean", {3, 4}, false, Reduction::kMean),
          sample("weights, sum", {3, 4}, true, Reduction::kSum),
          sample("none", {2, 3, 2}, false, Reduction::kNone),
          sample("empty, sum", {0, 2}, false, Reduction::kSum)};
}
std::vector<Sample> logits_samples(SampleMaker& m) {
  const auto sample = [&](std::string label, const Shape& s, bool weight, bool pos, Reduction r) {
    return Sample{std::move(label), {m.normal(s), m.uniform(s, 0, 1)}, [=](Inputs t) {
                    const Tensor w = row_weights(t[0], s.rank() ? s.back() : 1);
                    return binary_cross_entropy_with_logits(t[0], t[1], weight ? w : Tensor(), r,
                                                            pos ? w + 1.5 : Tensor());
                  }};
  };
  Sample far = sample("far out", {5}, false, true, Reduction::kNone);
  far.inputs[0] = Tensor::of({-60, -12.5, 0.25, 30, 80});
  return {sample("mean", {3, 4}, false, false, Reduction::kMean),
          sample("weights, sum", {3, 4}, true, true, Reduction::kSum),
          sample("none", {2, 3, 2}, false, true, Reduction::kNone),
          sample("scalars", {}, false, false, Reduction::kMean),
          sample("empty, sum", {2, 0}, false, false, Reduction::kSum),
          far};
}
std::vector<Sample> kl_samples(SampleMaker& m) {
  const auto with = [](KlReduction r, bool log_target) {
    return [=](Inputs t) { return kl_div(t[0], t[1], r, log_target); };
  };
  return {
      {"mean", {m.normal({3, 4}), m.uniform({3, 4}, 0.1, 1)}, with(KlReduction::kMean, false)},
      {"batch mean",
       {m.normal({3, 4}), m.uniform({3, 4}, 0.1, 1)},
       with(KlReduction::kBatchMean, false)},
      {"sum, log target", {m.normal({3, 4}), m.normal({3, 4})}, with(KlReduction::kSum, true)},
      {"none",
       {m.normal({2, 2, 3}), m.uniform({2, 2, 3}, 0.1, 1)},
       with(KlReduction::kNone, false)},
      {"batch mean, log target",
       {m.normal({4, 2}), m.normal({4, 2})},
       with(KlReduction::kBatchMean, true)},
      {"empty, sum", {m.normal({0, 2}), m.uniform({0, 2}, 0, 1)}, with(KlReduction::kSum, false)}};
}

std::vector<ErrorCase> nll_errors() {
  return {{"label out of range", [] { nll_loss(zeros({2, 3}), from_vector<int64_t>({0, 3}, {2})); },
           "nll_loss: label 3 of row 1 is not a class: f32 [2, 3] has classes 0 to 2"},
          {"shape", [] { nll_loss(zeros({2, 3}), zeros({3}, DType::kI64)); },
           "wants targets of shape [2], got i64 [3]"},
          {"dtype", [] { nll_loss(zeros({2, 3}), zeros({2})); }, "class indices of dtype i64"},
          {"weight", [] { nll_loss(zeros({2, 3}), zeros({2}, DType::kI64), ones({2})); },
           "the weight f32 [2] does not fit f32 [2, 3]: it must be f32 [3]"}};
}
std::vector<ErrorCase> l1_errors() {
  return {{"shape", [] { l1_loss(zeros({2, 3}), zeros({3})); }, "must have the same shape"},
          {"dtype", [] { l1_loss(zeros({3}), zeros({3}, DType::kF64)); }, "different dtypes"}};
}
std::vector<ErrorCase> smooth_l1_errors() {
  return {{"shape", [] { smooth_l1_loss(zeros({2, 3}), zeros({3})); }, "must have the same shape"},
          {"beta", [] { smooth_l1_loss(zeros({3}), zeros({3}), Reduction::kMean, -1); },
           "beta -1 must not be negative"},
          {"integers", [] { smooth_l1_loss(arange(3), arange(3)); }, "no kernel for i64"}};
}
std::vector<ErrorCase> bce_errors() {
  return {{"outside", [] { binary_cross_entropy(Tensor::of({0.5, 1.5}), zeros({2})); },
           "binary_cross_entropy_with_logits takes what comes before the sigmoid"},
          {"shape", [] { binary_cross_entropy(zeros({2, 1}), zeros({2})); },
           "must have the same shape"},
          {"weight", [] { binary_cross_entropy(zeros({3}), zeros({3}), zeros({2, 3})); },
           "the weight f32 [2, 3] does not broadcast to the input's shape [3]"}};
}
std::vector<ErrorCase> logits_errors() {
  return {{"shape", [] { binary_cross_entropy_with_logits(zeros({2, 1}), zeros({2})); },
           "must have the same shape"},
          {"pos_weight",
           [] {
             binary_cross_entropy_with_logits(zeros({3}), zeros({3}), {}, Reduction::kMean,
                                              zeros({2, 3}));
           },
           "the pos_weight f32 [2, 3] does not broadcast"}};
}
std::vector<ErrorCase> kl_errors() {
  return {{"shape", [] { kl_div(zeros({2, 3}), zeros({3})); }, "must have the same shape"},
          {"no batch", [] { kl_div(zeros({}), ones({}), KlReduction::kBatchMean); },
           "no batch dimension"}};
}

template <int flops>
Cost cost(const Sample& s, const Tensor&) {
  const double n = static_cast<double>(s.inputs[0].numel());
  return {flops * n, 8 * n};
}

const char* const kOneShape = "does not broadcast: input and target have one shape";
const OpInfo kTable[] = {
    {"nll_loss", "nll_loss(x, target, weight, ignore_index, reduction)",
     "-weight[target] x[target]", "-weight[target] g at the target", "labels, weights", "",
     nll_samples, cost<1>, nll_errors, 1e-6, true, "weight has a gradient, too"},
    {"l1_loss", "l1_loss(x, target, reduction)", "|x - target|", "sign(x - target) g", "the sign",
     "", l1_samples, cost<3>, l1_errors, 1e-6, true, kOneShape},
    {"smooth_l1_loss", "smooth_l1_loss(x, target, reduction, beta)",
     "d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, d = x - target",
     "d / beta g, beyond beta sign(d) g", "d, its sign", "", smooth_l1_samples, cost<6>,
     smooth_l1_errors, 1e-6, true, kOneShape},
    {"binary_cross_entropy", "binary_cross_entropy(x, target, weight, reduction)",
     "-weight (target log(x) + (1 - target) log(1 - x)), logarithms at least -100",
     "weight (x - target) / max(x (1 - x), 1e-12) g", "x, target", "", bce_samples, cost<20>,
     bce_errors, 1e-6, true, kOneShape},
    {"binary_cross_entropy_with_logits",
     "binary_cross_entropy_with_logits(x, target, weight, reduction, pos_weight)",
     "-weight (pos_weight target log(s) + (1 - target) log(1 - s)), s = sigmoid(x)",
     "weight ((1 - target) s - pos_weight target (1 - s)) g", "x, target", "", logits_samples,
     cost<30>, logits_errors, 1e-6, true, kOneShape},
    {"kl_div", "kl_div(x, target, reduction, log_target)",
     "target (log(target) - x), 0 for target 0; reduction is a KlReduction: kBatchMean, the sum "
     "over the batch's size, beside the three of the others",
     "-target g; (log(target) + 1 - x) g", "target, its logarithm", "", kl_samples, cost<15>,
     kl_errors, 1e-6, true, kOneShape},
};

}  // namespace

std::span<const OpInfo> losses_ops() {
  return kTable;
}

}  // namespace tinytorch
