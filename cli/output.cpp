#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tinytorch/core/error.h"

namespace tinytorch::cli {

namespace {

// A signal's handler reads these.
volatile std::sig_atomic_t json_descriptor = STDOUT_FILENO;
volatile std::sig_atomic_t printed = 0;
volatile std::sig_atomic_t owner = 0;  // the process whose object it is: no child of fork()

}  // namespace

void reserve_stdout_for_json() {
  std::fflush(stdout);
  const int copy = dup(STDOUT_FILENO);
  if (copy < 0) throw IoError(std::string("standard output: ") + std::strerror(errno));
  dup2(STDERR_FILENO, STDOUT_FILENO);
  owner = getpid();
  json_descriptor = copy;
}

void give_stdout_back() {
  std::fflush(stdout);
  if (json_descriptor != STDOUT_FILENO) dup2(json_descriptor, STDOUT_FILENO);
  json_descriptor = STDOUT_FILENO;
}

void print_json(const Json& object) {
  // A text that is not UTF-8 (a file name) is shown with replacement characters.
  const std::string text = object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fflush(stdout);
  printed = 1;
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(json_descriptor, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw IoError(std::string("standard output: ") + std::strerror(errno));
    done += static_cast<size_t>(n);
  }
}

bool json_printed() {
  return printed != 0;
}

void print_interrupted_json() noexcept {
  static constexpr char kText[] = "{\"error\":\"interrupted\",\"exit_code\":130}\n";
  if (json_descriptor == STDOUT_FILENO || printed || owner != getpid()) return;
  if (write(json_descriptor, kText, sizeof kText - 1) < 0) return;  // nobody is left to be told
}

bool is_terminal(FILE* stream) {
  return isatty(fileno(stream)) != 0;
}

bool use_color(FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return is_terminal(stream) && !(no_color && *no_color) && term && std::strcmp(term, "dumb") != 0;
}

std::string indented(FILE* stream, size_t indent, const std::string& text) {
  winsize window = {};
  size_t width = std::string::npos;
  if (is_terminal(stream) && ioctl(fileno(stream), TIOCGWINSZ, &window) == 0 &&
      window.ws_col >= indent + 20)
    width = window.ws_col - indent;
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    while (line.size() > width) {
      size_t end = line.rfind(' ', width);
      if (end == std::string::npos || end == 0) end = line.find(' ', width);
      if (end == std::string::npos) break;
      out += std::string(indent, ' ') + line.substr(0, end) + "\n";
      line.erase(0, end + 1);
    }
    out += std::string(line.empty() ? 0 : indent, ' ') + line + "\n";
  }
  return out;
}

std::string styled(FILE* stream, Style style, const std::string& text) {
  if (!use_color(stream)) return text;
  static constexpr const char* kCodes[] = {"1", "2", "31", "32", "33"};
  return std::string("\033[") + kCodes[static_cast<int>(style)] + "m" + text + "\033[0m";
}

}  // namespace tinytorch::cli
