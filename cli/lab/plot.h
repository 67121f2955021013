#pragma once
// A line plot with logarithmic axes as SVG.
#include <string>
#include <vector>

namespace tinytorch::lab {

struct PlotPoint {
  double x = 0, low = 0, middle = 0, high = 0;
};
struct PlotLine {
  std::string name;
  int color = 0;  // lines of one colour belong together
  enum { kSolid, kDashed, kDotted } style = kSolid;
  std::vector<PlotPoint> points;  // positive; others are left out
};
struct Plot {
  std::string title, x, y;
  std::vector<PlotLine> lines;
};

std::string draw_svg(const Plot& plot);

}  // namespace tinytorch::lab
