// Losses over classes: x (n, classes, d1, ...), labels (n, d1, ...).
#include <limits>

#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

// -weight[label] x[label], 0 where the label is to be ignored; reduced.
Tensor nll(const Node& n, const Tensor& x, const Tensor& labels, const Tensor& weight) {
  if (x.dim() < 2 || labels.dim() != x.dim() - 1)
    raise<ShapeError>("labels {} do not fit {}", labels.shape().str(), x.shape().str());
  const Tensor wide = labels.to(DType::kI64);
  Tensor counts = ones(wide.shape(), x.dtype()), label = wide;
  if (n.given("ignore_index")) {
    const Tensor ignored = eq(wide, n.integer("ignore_index", 0));
    label = where(ignored, zeros({}, DType::kI64), wide);
    counts = where(ignored, zeros({}, x.dtype()), counts);
  }
  if (weight.defined()) {
    const Tensor flat = index_select(weight, 0, label.reshape({label.numel()}));
    counts = counts * flat.reshape(label.shape());
  }
  const Tensor picked = gather(x, 1, label.unsqueeze(1)).squeeze(1);
  // An ignored value may be infinite: it must not come in as 0 times infinity.
  Tensor loss = where(eq(counts, 0), zeros({}, x.dtype()), neg(picked) * counts);
  const std::string reduction = n.text("reduction", "mean");
  if (reduction == "none") return loss;
  if (reduction == "sum") return loss.sum();
  if (reduction != "mean") raise<IoError>("reduction '{}'", reduction);
  return loss.sum() / counts.sum();
}

Tensors nll_of(const Node& n) {
  return {nll(n, n.in(0), n.in(1), n.maybe(2))};
}

Tensors softmax_cross_entropy(const Node& n) {
  const Tensor log_prob = log_softmax(n.in(0), 1);
  return {nll(n, log_prob, n.in(1), n.maybe(2)), log_prob};
}

const OpRow kRows[] = {
    {"NegativeLogLikelihoodLoss", 12, nll_of},
    {"SoftmaxCrossEntropyLoss", 12, softmax_cross_entropy},
};

}  // namespace

std::span<const OpRow> loss_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
