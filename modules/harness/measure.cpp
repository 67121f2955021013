// Runs the measurements named on the command line, or all. With `--report FD` it writes there
//   begin ID
//   point CURVE X MIN MEDIAN MAX LIMIT
//   answer PREDICTION VALUE
//   end ID done|todo|fail BYTES, then so many bytes of text
// else a table for people.
#include "modules/harness/measure.h"

#include <cinttypes>
#include <cstring>
#include <exception>

#include "modules/harness/lab_settings.h"
#include "modules/harness/report.h"
#include "tinytorch/core/error.h"

namespace tinytorch::measure {

namespace {

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

class Writer final : public Report {
 public:
  explicit Writer(int fd) : fd_(fd) {}

  void point(const std::string& curve, double x, const Spread& y, double limit) override {
    if (fd_ < 0)
      std::printf("  %-24s %12.6g  %10.4g %10.4g %10.4g  %10.4g\n", curve.c_str(), x, y.min,
                  y.median, y.max, limit);
    else
      check::write_all(fd_, "point " + curve + " " + text_of(x) + " " + text_of(y.min) + " " +
                                text_of(y.median) + " " + text_of(y.max) + " " + text_of(limit) +
                                "\n");
  }
  void answer(const std::string& prediction, double value) override {
    if (fd_ < 0)
      std::printf("  %s = %.6g\n", prediction.c_str(), value);
    else
      check::write_all(fd_, "answer " + prediction + " " + text_of(value) + "\n");
  }

 private:
  int fd_;
};

bool run(const Measurement& measurement, int fd) {
  if (fd < 0)
    std::printf("%s\n  %-24s %12s  %10s %10s %10s  %10s\n", measurement.id, "curve", "x", "min",
                "median", "max", "limit");
  else
    check::write_all(fd, std::string("begin ") + measurement.id + "\n");
  Writer writer(fd);
  std::string state = "done", text;
  try {
    measurement.run(writer);
  } catch (const NotImplemented& e) {
    state = "todo", text = e.what();
  } catch (const std::exception& e) {
    state = "fail", text = e.what();
  }
  if (const char* note = take_not_implemented()) state = "todo", text = note;
  std::fflush(stdout);
  if (fd >= 0)
    check::write_all(fd, std::string("end ") + measurement.id + " " + state + " " +
                             std::to_string(text.size()) + "\n" + text);
  else if (!text.empty())
    std::printf("  %s: %s\n", state.c_str(), text.c_str());
  return state == "done";
}

}  // namespace

Spread scaled(const Stats& times, double factor) {
  return {times.min * factor, times.median * factor, times.max * factor};
}

Spread rate(const Stats& times, double amount) {
  return {amount / times.max, amount / times.median, amount / times.min};
}

std::vector<Measurement>& all_measurements() {
  static std::vector<Measurement> list;
  return list;
}

}  // namespace tinytorch::measure

int main(int argc, char** argv) {
  using namespace tinytorch;
  int first = 1, failed = 0, ran = 0;
  const int fd = check::report_descriptor(argc, argv, first);
  check::lab_settings();
  for (const measure::Measurement& measurement : measure::all_measurements()) {
    bool wanted = first == argc;
    for (int i = first; i < argc; ++i) wanted = wanted || std::strcmp(argv[i], measurement.id) == 0;
    if (!wanted) continue;
    ++ran;
    failed += measure::run(measurement, fd) ? 0 : 1;
  }
  return failed == 0 && ran > 0 ? 0 : 1;
}
