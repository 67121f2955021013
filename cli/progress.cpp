#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/output.h"

namespace tinytorch::cli {

std::string seconds_text(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(seconds));
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

TrainingProgress::TrainingProgress(int64_t total_steps)
    : total_(total_steps), terminal_(is_terminal(stderr)), start_(Clock::now()), drawn_(start_) {}

void TrainingProgress::step(const optim::StepReport& r) {
  if (first_step_ == 0) {
    first_step_ = r.step;
    loss_ = r.loss;
    rate_ = r.samples_per_second;
  }
  loss_ += 0.05 * (r.loss - loss_);
  rate_ += 0.05 * (r.samples_per_second - rate_);
  const auto now = Clock::now();
  if (!terminal_ || (now - drawn_ < std::chrono::milliseconds(100) && r.step != total_)) return;
  drawn_ = now;
  draw(r);
}

void TrainingProgress::draw(const optim::StepReport& r) {
  winsize size{};
  const int columns =
      ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const double done =
      static_cast<double>(r.step) / static_cast<double>(std::max<int64_t>(total_, 1));
  const auto ran = static_cast<double>(r.step - first_step_ + 1);
  const double left = elapsed / ran * static_cast<double>(total_ - r.step);
  const std::string text = fmt::format(" {}/{}  epoch {}  loss {:.4f}  {:.0f} samples/s  {} left",
                                       r.step, total_, r.epoch, loss_, rate_, seconds_text(left));
  const int width = std::clamp(columns - static_cast<int>(text.size()) - 3, 0, 30);
  std::string bar;
  if (width >= 5) {
    const int filled = static_cast<int>(done * width);
    bar = "[";
    for (int i = 0; i < width; ++i) bar += i < filled ? "=" : i == filled ? ">" : " ";
    bar += "]";
  }
  fmt::print(stderr, "\r\033[K{}{}", bar,
             text.substr(0, static_cast<size_t>(std::max(columns - 1, 10))));
  std::fflush(stderr);
}

void TrainingProgress::evaluation(const optim::EvalReport& r) {
  finish();
  fmt::print(stderr, "step {}  epoch {}  test loss {:.4f}  test accuracy {:.2f} %\n", r.step,
             r.epoch, r.loss, 100 * r.accuracy);
}

void TrainingProgress::finish() {
  if (terminal_) fmt::print(stderr, "\r\033[K");
}

}  // namespace tinytorch::cli
