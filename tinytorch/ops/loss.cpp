// Losses.
#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/ops/common.h"
#include "tinytorch/ops/fusion.h"
#include "tinytorch/ops/losses.h"

namespace tinytorch {

namespace {

Tensor reduce_loss(const Tensor& each, Reduction reduction) {
  switch (reduction) {
    case Reduction::kMean:
      return mean(each);
    case Reduction::kSum:
      return sum(each);
    case Reduction::kNone:
      break;
  }
  return each;
}

// What softmax(logits) should be, (rows, classes), and 1 for each row that counts, 0 for others.
std::pair<Tensor, Tensor> target_distribution(const Tensor& logits, const Tensor& target,
                                              int64_t ignore_index, double label_smoothing) {
  const NoGrad no_grad;
  const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  Tensor hit = zeros(logits.shape(), DType::kBool), kept = zeros({rows}, DType::kBool);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t label = target.data<int64_t>()[i];
    if (label == ignore_index) continue;
    kept.data<bool>()[i] = true;
    hit.data<bool>()[i * classes + label] = true;
  }
  const Tensor smooth =
      full(logits.shape(), label_smoothing / static_cast<double>(classes), logits.dtype());
  return {smooth + hit.to(logits.dtype()) * (1 - label_smoothing), kept.to(logits.dtype())};
}

// logits (rows, classes) contiguous, target i64 (rows) contiguous. Gives the loss in the
// reduction's shape ([rows] for kNone).
Tensor cross_entropy_rows(const Tensor& logits, const Tensor& target, Reduction reduction,
                          int64_t ignore_index, double label_smoothing) {
  const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  const kernels::TargetCheck check =
      kernels::check_targets(target.data<int64_t>(), rows, classes, ignore_index);
  if (check.first_bad >= 0)
    raise<IndexError>(
        "cross_entropy: label {} of row {} is not a class: logits {} have classes 0 to {}. Hint: "
        "labels to be left out are ignore_index ({}).",
        target.data<int64_t>()[check.first_bad], check.first_bad, describe(logits), classes - 1,
        ignore_index);
  const bool recording = needs_grad(logits);
  const double count = static_cast<double>(check.counted);
  Tensor each = empty({rows}, logits.dtype()), stats = empty({rows, 2}, logits.dtype());
  // The gradient of the reduced loss, while the row is in cache and its exponentials are known: for
  // a large vocabulary a third of the memory that a second pass would touch.
  Tensor dlogits;
  if (recording && reduction != Reduction::kNone && fusion_enabled())
    dlogits = empty(logits.shape(), logits.dtype());
  with_float(logits.dtype(), "cross_entropy", [&](auto type) {
    using T = decltype(type);
    kernels::CrossEntropyArgs<T> args;
    args.rows = rows, args.classes = classes;
    args.logits = logits.data<T>(), args.logits_stride = classes;
    args.target = target.data<int64_t>();
    args.ignore_index = ignore_index;
    args.label_smoothing = static_cast<T>(label_smoothing);
    args.loss = each.data<T>(), args.stats = stats.data<T>();
    if (dlogits.defined()) args.dlogits = dlogits.data<T>(), args.dlogits_stride = classes;
    args.scale = reduction == Reduction::kMean ? T(1) / static_cast<T>(count) : T(1);
    kernels::cross_entropy(args);
  });
  Tensor out = each;
  if (reduction != Reduction::kNone) {
    const NoGrad no_grad;
    out = sum(each);
    if (reduction == Reduction::kMean) out = out / Scalar(count);
  }
  if (recording)
    set_gradient(
        "cross_entropy", out, {&logits},
        [logits = Saved(logits), target = Saved(target), stats = Saved(stats), dlogits, reduction,
         count, ignore_index, label_smoothing](GradContext& c) mutable {
          if (dlogits.defined() && !c.create_graph()) {  // handed out once: it becomes the caller's
            static_cast<void>(logits.get(c));            // not changed since
            const double scale = c.grad().item();
            c.set(0, scale == 1 ? std::move(dlogits) : dlogits.mul_(Scalar(scale)));
            dlogits = Tensor();
            return;
          }
          const Tensor g = reduction == Reduction::kMean ? c.grad() / Scalar(count) : c.grad();
          if (c.create_graph()) {
            const Tensor x = logits.get(c);
            const auto [wanted, kept] =
                target_distribution(x, target.get(c), ignore_index, label_smoothing);
            c.set(0, (softmax(x, 1) - wanted) * (g * kept).unsqueeze(1));
            return;
          }
          c.set(0, gradients::cross_entropy(logits.get(c), target.get(c), stats.get(c), g,
                                            ignore_index, label_smoothing));
        },
        Formula::kComposed);
  return out;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& target, Reduction reduction,
                     int64_t ignore_index, double label_smoothing) {
  check_label_smoothing(label_smoothing);
  if (is_floating(target.dtype()) && target.shape() == logits.shape())  // probabilities
    return cross_entropy(logits, target, Tensor(), ignore_index, reduction, label_smoothing);
  if (target.dtype() != DType::kI64)
    raise<DTypeError>(
        "cross_entropy: targets {} must be class indices of dtype i64. Hint: "
        "to(DType::kI64) for whole numbers, argmax(target, 1) for one-hot rows.",
        describe(target));
  Shape expected = logits.shape();
  if (logits.dim() >= 2) expected.erase(1);
  if (logits.dim() == 1) expected = {};
  if (logits.dim() == 0 || target.shape() != expected)
    raise<ShapeError>(
        "cross_entropy: logits {} want targets of shape {}, got {}. Hint: logits are (n, classes) "
        "or "
        "(n, classes, d1, ...), targets have no class dimension.",
        describe(logits), expected.str(), describe(target));
  if (logits.dim() == 1)
    return cross_entropy(logits.unsqueeze(0), target.unsqueeze(0), reduction, ignore_index,
                         label_smoothing)
        .reshape({});
  const int64_t classes = logits.shape()[1];
  const int64_t rows = target.numel();
  Tensor matrix = logits;
  for (int d = 1; d + 1 < logits.dim(); ++d) matrix = matrix.transpose(d, d + 1);  // classes last
  const Tensor loss = cross_entropy_rows(matrix.reshape({rows, classes}).contiguous(),
                                         target.reshape({rows}).contiguous(), reduction,
                                         ignore_index, label_smoothing);
  return reduction == Reduction::kNone ? loss.reshape(target.shape()) : loss;
}

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  if (x.shape() != target.shape())
    raise<ShapeError>(
        "mse_loss: {} and {} must have the same shape. Hint: a silent broadcast would change the "
        "mean; expand() one of them if that is meant.",
        describe(x), describe(target));
  return reduce_loss(square(x - target), reduction);
}

// ---- the table

namespace {

Sample ce_sample(SampleMaker& m, std::string label, const Shape& logits, const Shape& target,
                 Reduction r, int64_t ignore = -100, double smoothing = 0) {
  const int64_t classes = logits[logits.rank() > 1 ? 1 : 0];
  return {std::move(label),
          {m.normal(logits), m.indices(target, classes)},
          [=](const std::vector<Tensor>& t) {
            return cross_entropy(t[0], t[1], r, ignore, smoothing);
          }};
}
// With class weights 0.5, 0.75, 1, ...
Sample weighted_sample(SampleMaker& m, std::string label, const Shape& logits, const Shape& target,
                       Reduction r, int64_t ignore, double smoothing) {
  Sample s = ce_sample(m, std::move(label), logits, target, r);
  s.run = [=, classes = logits[logits.rank() > 1 ? 1 : 0]](const std::vector<Tensor>& t) {
    const Tensor w = arange(classes).to(t[0].dtype()) * 0.25 + 0.5;
    return cross_entropy(t[0], t[1], w, ignore, r, smoothing);
  };
  return s;
}
Sample probability_sample(SampleMaker& m, std::string label, const Shape& shape, bool weight,
                          Reduction r, double smoothing) {
  return {std::move(label),
          {m.normal(shape), m.uniform(shape, 0.1, 1)},
          [=, classes = shape[shape.rank() > 1 ? 1 : 0]](const std::vector<Tensor>& t) {
            const Tensor w = arange(classes).to(t[0].dtype()) * 0.25 + 0.5;
            return weight ? cross_entropy(t[0], t[1], w, -100, r, smoothing)
                          : cross_entropy(t[0], t[1], r, -100, smoothing);
          }};
}
std::vector<Sample> ce_samples(SampleMaker& m) {
  return {ce_sample(m, "mean", {6, 5}, {6}, Reduction::kMean),
          ce_sample(m, "sum, smoothing", {6, 5}, {6}, Reduction::kSum, -100, 0.1),
          ce_sample(m, "none", {4, 3}, {4}, Reduction::kNone),
          ce_sample(m, "ignoring class 2", {9, 4}, {9}, Reduction::kMean, 2, 0.2),
          ce_sample(m, "images", {2, 3, 2, 4}, {2, 2, 4}, Reduction::kMean),
          ce_sample(m, "one row, no batch", {5}, {}, Reduction::kMean),
          weighted_sample(m, "weights", {7, 4}, {7}, Reduction::kMean, -100, 0),
          weighted_sample(m, "weights, smoothing, ignoring class 2", {9, 4}, {9}, Reduction::kMean,
                          2, 0.2),
          weighted_sample(m, "weighted images", {2, 3, 2, 2}, {2, 2, 2}, Reduction::kNone, 1, 0.1),
          weighted_sample(m, "weights, no batch", {4}, {}, Reduction::kSum, -100, 0),
          probability_sample(m, "probabilities", {5, 4}, false, Reduction::kMean, 0),
          probability_sample(m, "probabilities, weights, smoothing", {2, 3, 4}, true,
                             Reduction::kMean, 0.1),
          probability_sample(m, "probabilities, no batch", {4}, true, Reduction::kSum, 0)};
}
std::vector<ErrorCase> ce_errors() {
  return {{"label out of range",
           [] { cross_entropy(zeros({2, 3}), from_vector<int64_t>({0, 3}, {2})); },
           "label 3 of row 1 is not a class: logits f32 [2, 3] have classes 0 to 2"},
          {"shape", [] { cross_entropy(zeros({2, 3}), zeros({3}, DType::kI64)); },
           "want targets of shape [2]"},
          {"dtype", [] { cross_entropy(zeros({2, 3}), zeros({2})); }, "class indices of dtype i64"},
          {"weight", [] { cross_entropy(zeros({2, 3}), zeros({2}, DType::kI64), ones({2})); },
           "the weight f32 [2] does not fit f32 [2, 3]: it must be f32 [3]"}};
}
std::vector<Sample> mse_samples(SampleMaker& m) {
  const auto with = [](Reduction r) {
    return [r](const std::vector<Tensor>& t) { return mse_loss(t[0], t[1], r); };
  };
  return {{"mean", {m.normal({3, 4}), m.normal({3, 4})}, with(Reduction::kMean)},
          {"sum", {m.normal({5}), m.normal({5})}, with(Reduction::kSum)},
          {"none", {m.normal({2, 2}), m.normal({2, 2})}, with(Reduction::kNone)}};
}
std::vector<ErrorCase> mse_errors() {
  return {{"shape", [] { mse_loss(zeros({2, 3}), zeros({3})); }, "must have the same shape"}};
}
Cost ce_cost(const Sample& s, const Tensor&) {
  const double n = static_cast<double>(s.inputs[0].numel());
  return {6 * n, 4 * n};
}
Cost mse_cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 3);
}

const OpInfo kTable[] = {
    {"cross_entropy",
     "cross_entropy(logits, target, reduction, ignore_index, label_smoothing), "
     "cross_entropy(logits, target, weight, ignore_index, reduction, label_smoothing)",
     "-log softmax(logits)[target], smoothed towards the mean over classes; of probabilities "
     "-sum target log softmax(logits)",
     "softmax(logits) - onehot(target)",
     "logits, target, each row's maximum and sum; of a mean or sum the gradient itself",
     "cross_entropy cross_entropy_grad", ce_samples, ce_cost, ce_errors},
    {"mse_loss", "mse_loss(x, target, reduction)", "(x - target)^2", "2 (x - target) g",
     "x - target", "pointwise sum", mse_samples, mse_cost, mse_errors},
};

}  // namespace

std::span<const OpInfo> loss_ops() {
  return kTable;
}

}  // namespace tinytorch
