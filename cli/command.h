#pragma once
// What a command of the tool is. To add one:
//   1. write cli/NAME.cpp with `extern const Command name_command{...}` (cli/kernels.cpp is short);
//   2. name it in the list of cli/commands.cpp.
// Parsing, --help, --json, unknown options, exit codes and Ctrl-C follow from the table. Commands
// are thin: they read arguments, call the library's public headers and print.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tinytorch/core/error.h"

namespace tinytorch::cli {

enum ExitCode {
  kOk = 0,
  kCheckFailed = 1,
  kUsage = 2,        // ConfigError and what the parser refuses
  kEnvironment = 3,  // EnvironmentError, MemoryError: something this machine lacks
  kBadFile = 4,      // IoError
  kTimeout = 124,
  kInterrupted = 130,
};

// Something that the machine lacks: a package, a device, the source checkout.
class EnvironmentError : public Error {
 public:
  using Error::Error;
};

struct Option {
  const char* name;   // "--threads"
  const char* value;  // "N": what help shows for the value; nullptr makes it a flag
  const char* help;
};

struct Positional {
  const char* name;  // "CONFIG"; a repeated one takes every argument that is left
  const char* help;
  bool required = true;
  bool repeated = false;
};

// The parsed command line. Names are those of the declarations.
class Args {
 public:
  bool has(const std::string& name) const { return values_.count(name) != 0; }
  bool json() const { return has("--json"); }
  std::string text(const std::string& name, const std::string& fallback = "") const;
  int64_t integer(const std::string& name, int64_t fallback) const;  // ConfigError if it is none
  int threads() const;                                               // of --threads; the same
  double number(const std::string& name, double fallback) const;     // ConfigError if it is none
  std::vector<std::string> list(const std::string& name) const;      // a repeated positional

  void add(const std::string& name, std::vector<std::string> values) {
    values_[name] = std::move(values);
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

struct Command {
  const char* name;
  const char* help;     // one line
  const char* example;  // "tito kernels --json"
  std::vector<Positional> positionals;
  std::vector<Option> options;  // --help and --json are everyone's
  int (*run)(const Args&);      // an ExitCode; a tinytorch::Error becomes one by its class
};

const std::vector<const Command*>& all_commands();  // in the order of help
const Command* find_command(const std::string& name);

}  // namespace tinytorch::cli
