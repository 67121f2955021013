#include "tinytorch/config/numbers.h"

#include <algorithm>
#include <cmath>

#include "tinytorch/core/format.h"

namespace tinytorch {

namespace {

enum class Range { kFinite, kNotNegative, kPositive, kShare, kBelowOne };

bool inside(Range range, double x) {
  if (!std::isfinite(x)) return false;
  switch (range) {
    case Range::kFinite:
      return true;
    case Range::kNotNegative:
      return x >= 0;
    case Range::kPositive:
      return x > 0;
    case Range::kShare:
      return x >= 0 && x <= 1;
    case Range::kBelowOne:
      return x >= 0 && x < 1;
  }
  return false;
}

const char* describe(Range range) {
  switch (range) {
    case Range::kFinite:
      return "a finite number";
    case Range::kNotNegative:
      return "a number of at least 0";
    case Range::kPositive:
      return "a number above 0";
    case Range::kShare:
      return "a number from 0 to 1";
    case Range::kBelowOne:
      return "a number from 0 to below 1";
  }
  return "";
}

// Every key whose value is a real number. Groups of [optim] and the layers of a model: without
// their numbers.
constexpr struct {
  std::string_view key;
  Range range;
} kNumbers[] = {
    {"model.dropout", Range::kShare},
    {"model.layers.p", Range::kShare},
    {"model.layers.dropout", Range::kShare},
    {"model.layers.eps", Range::kNotNegative},
    {"model.layers.momentum", Range::kShare},
    {"model.layers.negative_slope", Range::kFinite},
    {"model.layers.alpha", Range::kFinite},
    {"model.layers.beta", Range::kPositive},
    {"model.layers.threshold", Range::kFinite},
    {"optim.lr", Range::kNotNegative},
    {"optim.weight_decay", Range::kNotNegative},
    {"optim.momentum", Range::kShare},
    {"optim.betas", Range::kBelowOne},
    {"optim.eps", Range::kNotNegative},
    {"optim.alpha", Range::kShare},
    {"optim.lr_decay", Range::kNotNegative},
    {"optim.initial_accumulator_value", Range::kNotNegative},
    {"schedule.min_lr", Range::kNotNegative},
    {"schedule.gamma", Range::kPositive},
    {"schedule.pct_start", Range::kShare},
    {"schedule.div_factor", Range::kPositive},
    {"schedule.final_div_factor", Range::kPositive},
    {"train.clip_norm", Range::kNotNegative},
    {"train.clip_value", Range::kNotNegative},
};

// "optim.groups.0.lr" is optim.lr, "model.layers.3.eps" model.layers.eps.
std::string without_numbers(std::string_view key) {
  std::string out;
  while (!key.empty()) {
    const std::string_view part = key.substr(0, key.find('.'));
    key.remove_prefix(std::min(part.size() + 1, key.size()));
    const bool number = part.find_first_not_of("0123456789") == part.npos;
    if (number || part == "groups") continue;
    if (!out.empty()) out += '.';
    out += part;
  }
  return out;
}

}  // namespace

void check_number(const Config& config, const std::string& key, double value) {
  const std::string name = without_numbers(key);
  for (const auto& number : kNumbers) {
    if (number.key != name) continue;
    if (!inside(number.range, value))
      config.refuse(key,
                    format_text("{} is out of range, expected {}.", value, describe(number.range)));
    return;
  }
  raise<Error>("config: the number {} has no range in the table of config/numbers.cpp.", name);
}

double read_number(const Config& config, const std::string& key, double otherwise) {
  const double value = config.get<double>(key, otherwise);
  check_number(config, key, value);
  return value;
}

}  // namespace tinytorch
