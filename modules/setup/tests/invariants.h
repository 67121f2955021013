#pragma once
// The invariants of the chapter, by its words.
#include <string>

#include "modules/harness/check.h"

namespace tinytorch::check::invariant {

inline constexpr const char* kRead =
    "1. Facts of the machine are read, not assumed; what the system does not tell is 0 or "
    "\"unknown\".";
inline constexpr const char* kClock =
    "2. A clock has a price and a grain: what lasts less than a hundred grains is timed many at "
    "once.";
inline constexpr const char* kWarm =
    "3. The first run warms up and does not count; of the others the median does, each held "
    "against the run beside it.";
inline constexpr const char* kDone =
    "4. What is timed was really done, and nothing else stands inside the timing.";
inline constexpr const char* kCounted =
    "5. A rate says what was counted: both directions of a copy, both operations of a "
    "multiply-add.";
inline constexpr const char* kReport =
    "6. A number without its machine is no measurement: the report names whatever can change it.";

}  // namespace tinytorch::check::invariant

namespace tinytorch::check {

// The condition holds, or the test fails and names the invariant that is broken.
inline void holds(bool condition, const std::string& text, const char* invariant,
                  const std::string& cause = "") {
  if (!condition) that(false, text + "\ninvariant: " + invariant, cause);
}

}  // namespace tinytorch::check
