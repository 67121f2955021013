#include "milestones/evidence.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>

#include "modules/harness/lab_settings.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::milestone {

namespace {

constexpr int64_t kWatched = 50;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What was seen of one parameter.
struct Watch {
  std::string name;
  std::vector<float> start;
  bool present = true, finite = true, moved = false;
  double largest = 0;  // of all gradients' elements
};

void look_at_gradient(Watch& watch, const Tensor& parameter) {
  if (!parameter.grad().defined()) {
    watch.present = false;
    return;
  }
  for (const float g : to_vector<float>(parameter.grad())) {
    watch.finite = watch.finite && std::isfinite(g);
    watch.largest = std::max(watch.largest, static_cast<double>(std::fabs(g)));
  }
}

bool fine(const Watch& w) {
  return w.present && w.finite && w.largest > 0;
}

struct Trained {
  std::shared_ptr<nn::Module> model;
  std::vector<float> losses;
  std::vector<Watch> watches;
};

Trained train(const Plan& plan, int64_t steps) {
  manual_seed(1);
  Trained t;
  t.model = plan.model();
  const nn::NamedTensors named = t.model->named_parameters();
  for (const auto& [name, tensor] : named) {
    Watch watch;
    watch.name = name;
    watch.start = to_vector<float>(tensor.detach());
    t.watches.push_back(std::move(watch));
  }
  const auto optimizer = plan.optimizer(t.model->parameters());
  for (int64_t step = 0; step < steps; ++step) {
    const auto [x, target] = plan.batch(step);
    if (plan.learning_rate) optimizer->set_lr(plan.learning_rate(step));
    optimizer->zero_grad();
    const Tensor loss = plan.loss((*t.model)(x), target);
    loss.backward();
    if (step < kWatched)
      for (size_t i = 0; i < named.size(); ++i) look_at_gradient(t.watches[i], named[i].second);
    optimizer->step();
    t.losses.push_back(loss.item<float>());
    // What has no gradient by now gets none; nobody need wait for the end.
    if (step == kWatched && !std::all_of(t.watches.begin(), t.watches.end(), fine)) break;
    if (step % 100 == 0 && isatty(STDERR_FILENO))
      std::fprintf(stderr, "\rstep %lld of %lld, loss %.3f ", static_cast<long long>(step),
                   static_cast<long long>(steps), static_cast<double>(t.losses.back()));
  }
  if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\r%60s\r", "");
  for (size_t i = 0; i < named.size(); ++i)
    t.watches[i].moved = to_vector<float>(named[i].second.detach()) != t.watches[i].start;
  t.model->eval();
  return t;
}

double mean_of(const std::vector<float>& losses, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += losses[i];
  return sum / static_cast<double>(end - begin);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() <= b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

const char* word(bool yes) {
  return yes ? "true" : "false";
}

// JSON has no NaN and no infinity.
std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

int run_and_report(const std::string& name, const Plan& plan,
                   const std::function<std::vector<Claim>()>& claims_of, double start) {
  const Trained first = train(plan, plan.steps);
  double accuracy = 0;
  {
    const NoGrad no_grad;
    accuracy = plan.accuracy(*first.model);
  }
  const Trained second = train(plan, std::min(plan.steps, kWatched));
  const bool whole = first.losses.size() == static_cast<size_t>(plan.steps);
  const auto claims = claims_of && whole ? claims_of() : std::vector<Claim>{};
  const double seconds = seconds_now() - start;

  const size_t n = first.losses.size(), tenth = std::max<size_t>(n / 10, 1);
  const double loss_first = mean_of(first.losses, 0, tenth);
  const double loss_last = mean_of(first.losses, n - tenth, n);
  const bool falls = loss_last < 0.9 * loss_first;
  const bool repeats = same_bits(second.losses, first.losses);
  bool gradients = !first.watches.empty(), moved = gradients, claimed = true;
  std::string parameters, more;
  for (const Watch& w : first.watches) {
    gradients = gradients && fine(w);
    moved = moved && w.moved;
    parameters += (parameters.empty() ? "" : ", ") + std::string("{\"name\": ") + quoted(w.name) +
                  ", \"gradient\": " + word(w.present) + ", \"finite\": " + word(w.finite) +
                  ", \"largest\": " + number(w.largest) + ", \"moved\": " + word(w.moved) + "}";
  }
  for (const Claim& claim : claims) {
    claimed = claimed && claim.holds;
    more += ", " + quoted(claim.name) + ": {\"value\": " + number(claim.value) +
            ", \"holds\": " + word(claim.holds) + "}";
  }
  const bool passed = whole && falls && gradients && moved && accuracy >= plan.bar && repeats &&
                      claimed && seconds <= plan.seconds_limit;
  std::printf(
      "{\"milestone\": %s, \"passed\": %s, \"loss_first\": %s, \"loss_last\": %s, "
      "\"loss_falls\": %s, \"gradients_fine\": %s, \"weights_moved\": %s, \"accuracy\": %s, "
      "\"bar\": %s, \"repeat_bit_equal\": %s, \"steps\": %zu, \"seconds\": %s, "
      "\"seconds_limit\": %s%s, \"parameters\": [%s]}\n",
      quoted(name).c_str(), word(passed), number(loss_first).c_str(), number(loss_last).c_str(),
      word(falls), word(gradients), word(moved), number(accuracy).c_str(), number(plan.bar).c_str(),
      word(repeats), n, number(seconds).c_str(), number(plan.seconds_limit).c_str(), more.c_str(),
      parameters.c_str());
  return passed ? 0 : 1;
}

}  // namespace

int certify(const std::string& name, const std::function<Plan()>& plan,
            const std::function<std::vector<Claim>()>& claims) {
  const double start = seconds_now();
  std::string error;
  bool unwritten = false;
  try {
    check::lab_settings();
    const int code = run_and_report(name, plan(), claims, start);
    const char* note = take_not_implemented();
    if (!note) return code;
    error = note, unwritten = true;
  } catch (const NotImplemented& e) {
    error = e.what(), unwritten = true;
  } catch (const std::exception& e) {
    error = e.what();
  }
  std::printf("{\"milestone\": %s, \"passed\": false, \"unwritten\": %s, \"error\": %s}\n",
              quoted(name).c_str(), word(unwritten), quoted(error).c_str());
  return 1;
}

double accuracy_after_training(const Plan& plan) {
  const Trained t = train(plan, plan.steps);
  const NoGrad no_grad;
  return plan.accuracy(*t.model);
}

double share_right(const Tensor& logits, const Tensor& target) {
  const std::vector<int64_t> got = to_vector<int64_t>(logits.argmax(1));
  const std::vector<int64_t> want = to_vector<int64_t>(target);
  size_t right = 0;
  for (size_t i = 0; i < got.size(); ++i) right += got[i] == want[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(got.size());
}

}  // namespace tinytorch::milestone
