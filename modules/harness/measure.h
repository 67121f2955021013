#pragma once
// What a module's measurements are written with: measure/*.cpp of its folder. Each sweeps over at
// least four sizes, from the first-level cache to DRAM, and reports what it saw; `tito measure`
// runs it with the student's code and with the reference, and draws both.
#include <string>
#include <vector>

#include "tinytorch/core/utils.h"

namespace tinytorch::measure {

// Repeated measurements of one thing.
struct Spread {
  double min = 0, median = 0, max = 0;
};

// Times in nanoseconds turned into another unit: each times `factor`.
Spread scaled(const Stats& times, double factor);
// Times in nanoseconds turned into a rate: `amount` over each ("bytes a nanosecond" are GB/s).
Spread rate(const Stats& times, double amount);

class Report {
 public:
  // One point of a curve. `limit`: what this machine could do at best, in the same unit, from a
  // measurement of the machine; 0 where there is none.
  virtual void point(const std::string& curve, double x, const Spread& y, double limit = 0) = 0;
  // The number that a [[prediction]] asks for.
  virtual void answer(const std::string& prediction, double value) = 0;

 protected:
  ~Report() = default;
};

// MEASUREMENT(row_against_column) { report.point(...); } is the [[measure]] of that id.
#define MEASUREMENT(id)                                                                     \
  static void measure_##id(::tinytorch::measure::Report& report);                           \
  static const ::tinytorch::measure::Registration register_measure_##id(#id, measure_##id); \
  static void measure_##id([[maybe_unused]] ::tinytorch::measure::Report& report)

struct Measurement {
  const char* id;
  void (*run)(Report&);
};
std::vector<Measurement>& all_measurements();
struct Registration {
  Registration(const char* id, void (*run)(Report&)) { all_measurements().push_back({id, run}); }
};

// Keeps the compiler from dropping the computation of what lies at `data`.
inline void keep(const void* data) {
  asm volatile("" : : "r"(data) : "memory");
}

}  // namespace tinytorch::measure
