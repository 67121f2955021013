#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tinytorch/core/utils.h"

namespace tinytorch::hunt {

// Compares two versions of the same work. They run in turns, one round after the other, so that
// whatever slows the machine down hits both.
class Race {
 public:
  struct Version {
    std::string name;
    std::function<void()> run;
  };
  struct Result {
    double fastest_first = 0, fastest_second = 0;  // nanoseconds, over all rounds
    double slowest_first = 0, slowest_second = 0;
    double ratio = 0;  // of the second's time to the first's in a round: the median
    double least_ratio = 0, most_ratio = 0;
    std::string text;  // for people
  };

  Race(Version first, Version second, Clock now = Timer::now_ns);

  // One more round of both. The very first one only warms up and is not kept.
  void round();
  int rounds() const { return static_cast<int>(first_times_.size()); }
  // Of all rounds so far (one at least); more rounds may follow.
  Result result();

 private:
  double timed(const Version& version) const;

  Version first_, second_;
  Clock now_;
  bool warm_ = false;
  std::vector<double> first_times_, second_times_;  // by round
};

}  // namespace tinytorch::hunt
