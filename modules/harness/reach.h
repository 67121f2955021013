#pragma once
// Which regions of a framework file ran. In the programs of milestones the tool puts a store into
// each region; its number is told by the tool, and what was reached is written, a number a line, to
// the file that TITO_REACHED names when the program ends.

namespace tinytorch::check {

inline constexpr int kMaxReached = 1024;

}  // namespace tinytorch::check

extern "C" unsigned char tinytorch_reached[tinytorch::check::kMaxReached];
