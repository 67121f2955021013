#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tinytorch::hunt {

// Times of something that happens again and again, in nanoseconds, and what became of them. Adding
// one must cost nearly nothing: it is called inside of what is measured.
class Recorder {
 public:
  explicit Recorder(std::string name) : name_(std::move(name)) {}

  void add(double ns);
  int64_t count() const { return static_cast<int64_t>(times_.size()); }
  double mean() const;
  // The time that `percent` of the recorded ones do not exceed: 50 is the median, 99 the slow ones.
  // 0 while there are none.
  double percentile(double percent) const;
  // Forgets the times but keeps the memory.
  void clear();
  // One line for people.
  std::string text() const;

 private:
  void put_in_order() const;

  std::string name_;
  mutable std::vector<double> times_;
  mutable bool in_order_ = true;
  double sum_ = 0;
  double slowest_ = 0;
};

}  // namespace tinytorch::hunt
