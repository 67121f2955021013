#include <cmath>

#include "modules/harness/check.h"
#include "modules/mlp/debug/wide-head.h"

namespace tinytorch::check {

namespace {

struct Case {
  int64_t classes, features, rows;
  std::vector<float> weight, bias, x;
  std::vector<int64_t> target;

  Case(int64_t c, int64_t f, int64_t r)
      : classes(c),
        features(f),
        rows(r),
        weight(numbers(static_cast<size_t>(c * f), 21)),
        bias(numbers(static_cast<size_t>(c), 22)),
        x(numbers(static_cast<size_t>(r * f), 23)) {
    for (int64_t i = 0; i < r; ++i) target.push_back((7 * i + 3) % c);
  }

  std::vector<hunt::Prediction> predict(int64_t chunk) const {
    const hunt::WideHead head(from_vector(weight, {classes, features}),
                              from_vector(bias, {classes}), chunk);
    return head.predict(from_vector(x, {rows, features}), target);
  }

  std::vector<hunt::Prediction> expected() const {
    std::vector<hunt::Prediction> out;
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<double> logits;
      double max = -1e300, sum = 0;
      hunt::Prediction p;
      for (int64_t c = 0; c < classes; ++c) {
        double logit = static_cast<double>(bias[static_cast<size_t>(c)]);
        for (int64_t f = 0; f < features; ++f)
          logit += static_cast<double>(weight[static_cast<size_t>(c * features + f)]) *
                   static_cast<double>(x[static_cast<size_t>(r * features + f)]);
        if (logit > max) max = logit, p.best = c;
        logits.push_back(logit);
      }
      for (const double logit : logits) sum += std::exp(logit - max);
      for (const double logit : logits) {
        const double q = std::exp(logit - max) / sum;
        if (q > 0) p.entropy -= q * std::log(q);
      }
      p.log_probability =
          logits[static_cast<size_t>(target[static_cast<size_t>(r)])] - max - std::log(sum);
      out.push_back(p);
    }
    return out;
  }
};

void compare(const Case& made, int64_t chunk, double hunt::Prediction::* what, const char* name) {
  Values v{.what = std::string(name) + " of " + std::to_string(made.rows) + " inputs over " +
                   std::to_string(made.classes) + " classes, " + std::to_string(chunk) +
                   " at a time",
           .got = {},
           .expected = {},
           .tolerance = 1e-5};
  for (const hunt::Prediction& p : made.predict(chunk)) v.got.push_back(p.*what);
  for (const hunt::Prediction& p : made.expected()) v.expected.push_back(p.*what);
  values(v);
}

// One class far likelier than the others.
Case peaked(int64_t which) {
  Case made(40, 6, 3);
  made.bias[static_cast<size_t>(which)] = 12;
  return made;
}

}  // namespace

TASK_TEST(wide_head, log_probability_of_the_target) {
  for (const int64_t chunk : {1, 7, 40})
    compare(Case(40, 6, 5), chunk, &hunt::Prediction::log_probability, "log p[target]");
}

TASK_TEST(wide_head, entropy_when_the_first_class_is_likeliest) {
  compare(peaked(0), 8, &hunt::Prediction::entropy, "the entropy");
}

TASK_TEST(wide_head, entropy_when_the_last_class_is_likeliest) {
  compare(peaked(39), 8, &hunt::Prediction::entropy, "the entropy");
}

TASK_TEST(wide_head, does_not_depend_on_the_chunk) {
  for (const int64_t chunk : {40, 13, 2, 1})
    compare(Case(40, 6, 5), chunk, &hunt::Prediction::entropy, "the entropy");
}

}  // namespace tinytorch::check
