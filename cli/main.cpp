// The tito tool: finds the command, runs it, and turns errors into texts and exit codes.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/overview.h"
#include "cli/parse.h"
#include "tinytorch/config/suggest.h"

namespace tinytorch::cli {

namespace {

[[noreturn]] void refuse_command(const std::string& name) {
  std::vector<std::string> known;
  for (const Command* command : all_commands()) known.emplace_back(command->name);
  known.emplace_back("help");
  if (name[0] == '-') {
    const std::vector<std::string> options = {"--help", "--version", "--json"};
    throw ConfigError("tito: unknown option '" + name + "'. Did you mean '" +
                      nearest_name(name, options) + "'?");
  }
  throw ConfigError("tito: unknown command '" + name + "'. Did you mean '" +
                    nearest_name(name, known) + "'?");
}

int print_help(const Command* command) {
  const std::string text = command ? help_text(*command)
                                   : "tito [COMMAND] [ARGUMENTS]\n\nCommands:\n" + command_list() +
                                         "\nExample:\n  tito kernels --help\n";
  std::fputs(text.c_str(), stdout);
  return kOk;
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--json") {
    if (words.size() > 1) refuse_command(words[1]);
    return overview(!words.empty());
  }
  const bool help = words[0] == "help";
  if (words[0] == "--help" || words[0] == "-h" || (help && words.size() == 1))
    return print_help(nullptr);
  if (words[0] == "--version") {
    std::puts("TinyTorch " TINYTORCH_VERSION);
    return kOk;
  }
  const std::string& name = help ? words[1] : words[0];
  const Command* command = find_command(name);
  if (!command) refuse_command(name);
  if (help) return print_help(command);
  const Args args = parse(*command, {words.begin() + 1, words.end()});
  if (args.has("--help")) return print_help(command);
  return command->run(args);
}

int report(int code, const std::string& text, bool json) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s %s\n", styled(stderr, Style::kRed, "error:").c_str(), text.c_str());
  if (json && !json_printed()) {
    try {
      print_json({{"error", text}, {"exit_code", code}});
    } catch (const IoError&) {
      return kBadFile;
    }
  }
  return code;
}

bool asks_for_json(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "--json") return true;
  }
  return false;
}

// Help and versions are texts for people even beside --json.
bool asks_for_text(const std::vector<std::string>& words) {
  for (const std::string& word : words)
    if (word == "--help" || word == "-h" || word == "--version") return true;
  return !words.empty() && words[0] == "help";
}

int run_tool(const std::vector<std::string>& words) {
  const bool json = asks_for_json(words) && !asks_for_text(words);
  try {
    if (json) reserve_stdout_for_json();
    const int code = dispatch(words);
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      throw IoError(std::string("standard output: ") + std::strerror(errno));
    return code;
  } catch (const ConfigError& e) {
    return report(kUsage, e.what(), json);
  } catch (const IoError& e) {
    return report(kBadFile, e.what(), json);
  } catch (const EnvironmentError& e) {
    return report(kEnvironment, e.what(), json);
  } catch (const MemoryError& e) {
    return report(kEnvironment, e.what(), json);
  } catch (const Error& e) {
    return report(kCheckFailed, e.what(), json);
  } catch (const std::bad_alloc&) {
    return report(kEnvironment, "out of memory. Hint: a smaller batch or model.", json);
  } catch (const std::system_error& e) {  // files and threads
    return report(kBadFile, e.what(), json);
  } catch (const std::exception& e) {
    return report(kCheckFailed, std::string("internal error: ") + e.what(), json);
  }
}

}  // namespace

}  // namespace tinytorch::cli

int main(int argc, char** argv) {
  tinytorch::cli::install_interrupt_handler();
  return tinytorch::cli::run_tool({argv + 1, argv + argc});
}
