#include "cli/lab/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tinytorch::lab {

namespace {

constexpr double kWidth = 760, kHeight = 460, kLeft = 76, kRight = 210, kTop = 48, kBottom = 60;
// Okabe and Ito's palette, told apart by colour-blind readers too.
constexpr const char* kColors[] = {"#0072b2", "#d55e00", "#009e73",
                                   "#cc79a7", "#e69f00", "#56b4e9"};
constexpr const char* kDashes[] = {"", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"2 4\""};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

// One axis: a logarithmic scale between two values.
struct Axis {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  double from = 0, to = 1;  // where they lie on the page

  void meet(double value) {
    if (!(value > 0) || !std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void widen() {
    if (!(high > 0)) low = 1, high = 10;
    if (high / low < 2) low /= 1.5, high *= 1.5;
    low /= 1.1, high *= 1.1;
  }
  double at(double value) const {
    return from + (to - from) * std::log(value / low) / std::log(high / low);
  }
  // 1, 2, 5, 10 ... within the axis, thinned out where there are many.
  std::vector<double> ticks() const {
    std::vector<double> list;
    const bool wide = high / low > 300;
    for (int e = static_cast<int>(std::floor(std::log10(low))); e <= std::log10(high); ++e)
      for (const double m : {1.0, 2.0, 5.0}) {
        const double value = m * std::pow(10, e);
        if (value >= low && value <= high && (!wide || m == 1)) list.push_back(value);
      }
    return list;
  }
};

std::string short_number(double value) {
  if (value >= 1e9) return fmt::format("{:g}G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:.3g}", value);
}

std::string text_at(double x, double y, const char* anchor, const std::string& text,
                    const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escaped(text));
}

std::string line_at(double x1, double y1, double x2, double y2, const std::string& more) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1,
                     x2, y2, more);
}

std::string draw_axes(const Plot& plot, const Axis& x, const Axis& y) {
  std::string svg;
  for (const double tick : x.ticks()) {
    svg += line_at(x.at(tick), y.from, x.at(tick), y.to, "stroke=\"#e4e4e4\"");
    svg += text_at(x.at(tick), y.from + 18, "middle", short_number(tick));
  }
  for (const double tick : y.ticks()) {
    svg += line_at(x.from, y.at(tick), x.to, y.at(tick), "stroke=\"#e4e4e4\"");
    svg += text_at(x.from - 8, y.at(tick) + 4, "end", short_number(tick));
  }
  svg += line_at(x.from, y.from, x.to, y.from, "stroke=\"#222\"");
  svg += line_at(x.from, y.from, x.from, y.to, "stroke=\"#222\"");
  svg += text_at((x.from + x.to) / 2, kHeight - 16, "middle", plot.x);
  svg += fmt::format(
      "<text transform=\"translate(18,{:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
      (y.from + y.to) / 2, escaped(plot.y));
  return svg + text_at(kLeft, 28, "start", plot.title, " font-weight=\"bold\" font-size=\"15\"");
}

std::string draw_line(const PlotLine& line, const Axis& x, const Axis& y) {
  const char* color = kColors[static_cast<size_t>(line.color) % std::size(kColors)];
  std::string path, marks;
  for (const PlotPoint& p : line.points) {
    if (!(p.x > 0) || !(p.middle > 0)) continue;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", x.at(p.x), y.at(p.middle));
    if (line.style == PlotLine::kDotted) continue;
    if (p.low > 0 && p.high > p.low)
      marks += line_at(x.at(p.x), y.at(p.low), x.at(p.x), y.at(p.high),
                       fmt::format("stroke=\"{}\" stroke-opacity=\"0.5\"", color));
    marks += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x.at(p.x),
                         y.at(p.middle),
                         line.style == PlotLine::kSolid ? color : "#fff\" stroke=\"#555");
  }
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>\n", path,
                     color, kDashes[line.style]) +
         marks;
}

}  // namespace

std::string draw_svg(const Plot& plot) {
  Axis x, y;
  for (const PlotLine& line : plot.lines)
    for (const PlotPoint& p : line.points) {
      x.meet(p.x);
      for (const double value : {p.low, p.middle, p.high}) y.meet(value);
    }
  x.widen();
  y.widen();
  x.from = kLeft, x.to = kWidth - kRight;
  y.from = kHeight - kBottom, y.to = kTop;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"#fff\"/>\n",
      kWidth, kHeight);
  svg += draw_axes(plot, x, y);
  double legend = kTop + 8;
  for (const PlotLine& line : plot.lines) {
    svg += draw_line(line, x, y);
    const char* color = kColors[static_cast<size_t>(line.color) % std::size(kColors)];
    svg += line_at(x.to + 12, legend, x.to + 40, legend,
                   fmt::format("stroke=\"{}\" stroke-width=\"2\"{}", color, kDashes[line.style]));
    svg += text_at(x.to + 46, legend + 4, "start", line.name);
    legend += 18;
  }
  return svg + "</svg>\n";
}

}  // namespace tinytorch::lab
