#include "tests/golden/random_maker.h"
#include "tinytorch/ops/losses.h"

namespace tinytorch::golden {

namespace {

struct Reduced {
  Reduction reduction;
  std::string python;
  explicit Reduced(Random& r) : reduction(static_cast<Reduction>(r.in(0, 2))) {
    const char* names[] = {"mean", "sum", "none"};
    python = fmt::format("reduction='{}'", names[static_cast<int>(reduction)]);
  }
};

// Classes at dimension 1, or the only one of a single row.
struct Labelled {
  Shape logits, labels;
  int64_t classes;
  explicit Labelled(Random& r) : classes(r.in(2, 8)) {
    if (!r.chance(5)) {
      labels.push_back(r.in(1, 5));
      logits.push_back(labels[0]);
    }
    logits.push_back(classes);
    if (labels.rank() == 1)
      for (int64_t more = r.in(0, 2); more > 0; --more) {
        const int64_t size = r.in(1, 4);
        labels.push_back(size);
        logits.push_back(size);
      }
  }
  // With one of several labels ignored, which is returned, or none: -100.
  int64_t ignore_one(Random& r, Tensor& target) const {
    if (target.numel() < 2 || r.chance(2)) return -100;
    const int64_t ignored = r.in(0, classes - 1);
    target.data<int64_t>()[0] = ignored;
    target.data<int64_t>()[target.numel() - 1] = (ignored + 1) % classes;  // one that counts
    return ignored;
  }
};

// t[2] without a gradient, which PyTorch has none of.
Tensor weight_of(const Tensors& t, bool weighted) {
  return weighted ? t[2].detach() : Tensor();
}
const char* weight_in_python(bool weighted) {
  return weighted ? "t[2].detach()" : "None";
}

void label_cases(Maker& m) {
  for (const bool logs : {false, true})
    m.add(logs ? "nll_loss" : "cross_entropy with weights", 8, [&](Random& r) {
      const Labelled l(r);
      const Reduced how(r);
      Tensor target = r.integers(l.labels, l.classes);
      const int64_t ignored = l.ignore_one(r, target);
      const bool weighted = !logs || r.chance(2);
      const double smoothing = !logs && r.chance(2) ? 0.15 : 0;
      Tensors inputs = {r.reals(l.logits, -5, 5), target};
      if (weighted) inputs.push_back(r.reals({l.classes}, 0.2, 2));
      std::string call = fmt::format("F.{}(t[0], t[1], {}, {}, ignore_index={}",
                                     logs ? "nll_loss" : "cross_entropy",
                                     weight_in_python(weighted), how.python, ignored);
      if (!logs) call += fmt::format(", label_smoothing={}", smoothing);
      return RandomCase{"", call + ")", inputs, [=](const Tensors& t) {
                          const Tensor w = weight_of(t, weighted);
                          return logs ? nll_loss(t[0], t[1], w, ignored, how.reduction)
                                      : cross_entropy(t[0], t[1], w, ignored, how.reduction,
                                                      smoothing);
                        }};
    });
  m.add("cross_entropy of probabilities", 8, [](Random& r) {
    const Labelled l(r);
    const Reduced how(r);
    const bool weighted = r.chance(2);
    const double smoothing = r.chance(2) ? 0.15 : 0;
    Tensors inputs = {r.reals(l.logits, -5, 5), r.reals(l.logits, 0, 1)};
    if (weighted) inputs.push_back(r.reals({l.classes}, 0.2, 2));
    return RandomCase{"",
                      fmt::format("F.cross_entropy(t[0], t[1], {}, {}, label_smoothing={})",
                                  weight_in_python(weighted), how.python, smoothing),
                      inputs, [=](const Tensors& t) {
                        return cross_entropy(t[0], t[1], weight_of(t, weighted), -100,
                                             how.reduction, smoothing);
                      }};
  });
}

void difference_cases(Maker& m) {
  m.add("l1_loss", 3, [](Random& r) {
    const Shape s = r.shape(0, 4);
    const Reduced how(r);
    return RandomCase{"",
                      fmt::format("F.l1_loss(t[0], t[1], {})", how.python),
                      {r.reals(s), r.reals(s)},
                      [=](const Tensors& t) { return l1_loss(t[0], t[1], how.reduction); }};
  });
  m.add("mse_loss with reductions", 3, [](Random& r) {
    const Shape s = r.shape(0, 4);
    const Reduced how(r);
    return RandomCase{"",
                      fmt::format("F.mse_loss(t[0], t[1], {})", how.python),
                      {r.reals(s), r.reals(s)},
                      [=](const Tensors& t) { return mse_loss(t[0], t[1], how.reduction); }};
  });
  m.add("smooth_l1_loss", 5, [](Random& r) {
    const Shape s = r.shape(0, 4);
    const Reduced how(r);
    const double beta = r.chance(4) ? 0 : r.real(0.1, 3);
    return RandomCase{
        "",
        fmt::format("F.smooth_l1_loss(t[0], t[1], {}, beta={:.17g})", how.python, beta),
        {r.reals(s), r.reals(s)},
        [=](const Tensors& t) { return smooth_l1_loss(t[0], t[1], how.reduction, beta); }};
  });
}

void probability_cases(Maker& m) {
  m.add("binary_cross_entropy", 6, [](Random& r) {
    const Shape s = r.shape(0, 4);
    const Reduced how(r);
    const bool weighted = r.chance(2);
    Tensors inputs = {r.reals(s, 0.05, 0.95), r.reals(s, 0, 1)};
    if (weighted) inputs.push_back(r.reals(r.broadcastable(s), 0.2, 2));
    return RandomCase{"",
                      fmt::format("F.binary_cross_entropy(t[0], t[1], {}, {})",
                                  weight_in_python(weighted), how.python),
                      inputs, [=](const Tensors& t) {
                        return binary_cross_entropy(t[0], t[1], weight_of(t, weighted),
                                                    how.reduction);
                      }};
  });
  m.add("binary_cross_entropy_with_logits", 8, [](Random& r) {
    const Shape s = r.shape(0, 4);
    const Reduced how(r);
    const bool weighted = r.chance(2), positive = r.chance(2);
    Tensors inputs = {r.reals(s, -6, 6), r.reals(s, 0, 1)};
    if (weighted) inputs.push_back(r.reals(r.broadcastable(s), 0.2, 2));
    if (positive) inputs.push_back(r.reals(r.broadcastable(s), 0.2, 3));
    return RandomCase{
        "",
        fmt::format("F.binary_cross_entropy_with_logits(t[0], t[1], {}, {}, pos_weight={})",
                    weight_in_python(weighted), how.python, positive ? "t[-1].detach()" : "None"),
        inputs, [=](const Tensors& t) {
          return binary_cross_entropy_with_logits(t[0], t[1], weight_of(t, weighted), how.reduction,
                                                  positive ? t.back().detach() : Tensor());
        }};
  });
  m.add("kl_div", 8, [](Random& r) {
    const Shape s = r.shape(1, 4);
    const auto how = static_cast<KlReduction>(r.in(0, 3));
    const char* names[] = {"mean", "sum", "none", "batchmean"};
    const bool logs = r.chance(2);
    return RandomCase{"",
                      fmt::format("F.kl_div(t[0], t[1], reduction='{}', log_target={})",
                                  names[static_cast<int>(how)], python(logs)),
                      {r.reals(s, -4, 0), logs ? r.reals(s, -4, 0) : r.reals(s, 0.05, 1)},
                      [=](const Tensors& t) { return kl_div(t[0], t[1], how, logs); }};
  });
}

}  // namespace

void loss_cases(Maker& m) {
  label_cases(m);
  difference_cases(m);
  probability_cases(m);
}

}  // namespace tinytorch::golden
