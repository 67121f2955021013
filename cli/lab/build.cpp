#include "cli/lab/build.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "cli/command.h"
#include "cli/lab/generate.h"
#include "cli/lab/process.h"
#include "cli/lab/region.h"
#include "tinytorch/data/atomic_file.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

// A student's file in a build.
struct LabBuild::Unit {
  std::string file;    // "core/tensor.cpp"
  std::string source;  // the overlay
  std::string object;
  SourceFile student;
  bool own = false;      // it has code of the student; without, the prebuilt object serves
  bool current = false;  // its object is that of this overlay
};

namespace {

class Timer {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

fs::file_time_type newest(const fs::path& folder) {
  auto time = fs::file_time_type::min();
  std::error_code ec;
  for (fs::recursive_directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string kind = it->path().extension().string();
    if (it->is_directory() || kind == ".cpp" || kind == ".h")
      time = std::max(time, it->last_write_time());
  }
  return time;
}

bool older(const fs::path& file, fs::file_time_type than) {
  std::error_code ec;
  const auto time = fs::last_write_time(file, ec);
  return ec || time < than;
}

std::vector<std::string> read_lines(const std::string& path) {
  std::istringstream in(read_text(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

// The checks that are left out cost half of the compile time and find what AddressSanitizer finds
// too (a null pointer, a wild one); its calls instead of inline checks compile faster.
constexpr const char* kQuickChecks =
    "-fno-sanitize=null,alignment,object-size,vptr,nonnull-attribute,returns-nonnull-attribute,"
    "pointer-overflow --param asan-instrumentation-with-call-threshold=0";

}  // namespace

LabBuild::LabBuild(std::string home, std::string lab)
    : home_(std::move(home)),
      lab_(std::move(lab)),
      prebuilt_(home_ + "/build/dev"),
      folder_(lab_ + "/build/test") {}

void LabBuild::prepare() {
  const auto sources =
      std::max({newest(home_ + "/tinytorch"), newest(home_ + "/modules"), newest(home_ + "/cmake"),
                fs::last_write_time(home_ + "/CMakeLists.txt")});
  const std::string stamp = prebuilt_ + "/lab/stamp";
  if (!older(stamp, sources)) return;
  fs::create_directories(prebuilt_);
  const int lock = open((prebuilt_ + "/lab.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (lock >= 0) flock(lock, LOCK_EX);  // one build at a time; another one may have done the work
  if (older(stamp, sources)) {
    fmt::print(stderr, "tito: building the framework for tests in {} ({})\n", prebuilt_,
               fs::exists(stamp) ? "sources have changed" : "the first time takes some minutes");
    const Outcome configured =
        run({{"cmake", "--preset", "dev", "--log-level=WARNING"}, home_, {}, {}});
    if (configured.code != 0)
      throw cli::EnvironmentError("configuring the test profile failed:\n" + configured.output);
    const Outcome built = run({{"cmake", "--build", prebuilt_, "--target", "lab"}, home_, {}, {}});
    if (built.code != 0)
      throw cli::EnvironmentError("building the test profile failed:\n" + built.output);
  }
  if (lock >= 0) close(lock);
}

LabBuild::Unit LabBuild::make_overlay_file(const BuildRequest& request, const std::string& file) {
  const std::string name = "modules/" + request.module->name + "/" + file;  // as seen in the lab
  Unit unit;
  unit.file = file;
  unit.source = folder_ + "/overlay/tinytorch/" + file;
  unit.object = folder_ + "/objects/" + file + ".o";
  if (!fs::exists(lab_ + "/" + name)) return unit;
  const std::string origin = home_ + "/tinytorch/" + file;
  const SourceFile reference = parse_source(read_text(origin), origin);
  unit.student = parse_source(read_text(lab_ + "/" + name), name);
  std::set<std::string> take = request.take;
  for (const Region& region : unit.student.regions) {
    const bool own = region.is_helpers() && !tokens(unit.student.body(region)).empty();
    if (own) take.insert(region.id);
    unit.own = unit.own || own || take.contains(region.id);
  }
  if (!unit.own) return unit;
  const std::string text = make_overlay(reference, unit.student, take);
  std::error_code ec;
  unit.current = fs::exists(unit.source) && read_text(unit.source) == text &&
                 !older(unit.object, fs::last_write_time(unit.source, ec)) &&
                 !older(unit.object, fs::last_write_time(prebuilt_ + "/lab/stamp", ec));
  if (unit.current) return unit;
  fs::create_directories(fs::path(unit.source).parent_path());
  fs::create_directories(fs::path(unit.object).parent_path());
  fs::remove(unit.object);
  data::write_file_atomic(unit.source, text);
  return unit;
}

// The prebuilt object's own command (compile_commands.json), with the overlay first on the include
// path and without what treats a student's warnings as errors.
std::vector<std::string> LabBuild::compile_command(const Unit& unit) const {
  const std::string compiler = read_lines(prebuilt_ + "/lab/" + "compiler").at(0);
  const auto database = nlohmann::json::parse(read_text(prebuilt_ + "/compile_commands.json"));
  for (const auto& entry : database) {
    if (entry.at("file") != home_ + "/tinytorch/" + unit.file) continue;
    std::string command = entry.at("command");
    command = command.substr(0, command.rfind(" -o "));
    command.erase(0, command.find(compiler + " ") + compiler.size());  // without ccache
    const std::string header = prebuilt_ + "/CMakeFiles/lab_harness_tests.dir/cmake_pch.hxx";
    const std::string precompiled =
        fs::exists(header + ".gch") ? fmt::format("-include '{}'", header) : "";
    return {"sh", "-c",
            fmt::format("exec '{}' {} -I '{}/overlay' {} -Wno-error -Wno-unused "
                        "-Wno-unused-parameter -fdiagnostics-color=never {} -o '{}' -c '{}'",
                        compiler, precompiled, folder_, command, kQuickChecks, unit.object,
                        unit.source)};
  }
  throw cli::EnvironmentError(unit.file + ": is no file of the library.");
}

// Gives each error of the compiler to the region it stands in.
void LabBuild::read_errors(const Unit& unit, const std::string& output, BuildResult& result) const {
  static const std::regex kError("^([^:\n]+):([0-9]+):[0-9]+: (fatal )?error: (.*)$");
  std::istringstream lines(output);
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, kError) || match[1] != unit.student.name) continue;
    const size_t at = std::stoul(match[2]) - 1;
    for (const Region& region : unit.student.regions) {
      if (at < region.begin || at >= region.end) continue;
      const std::string id = region.is_helpers() ? "" : region.id;
      result.errors.try_emplace(id, "it does not compile:\n" + line);
      found = true;
    }
  }
  if (!found) result.errors.try_emplace("", unit.student.name + " does not compile:\n" + output);
}

BuildResult LabBuild::build(const BuildRequest& request) {
  BuildResult result;
  const Timer overlay;
  std::vector<Unit> units, stale;
  std::vector<Program> commands;
  for (const std::string& file : request.module->files()) {
    Unit unit = make_overlay_file(request, file);
    if (!unit.own) continue;
    if (!unit.current) {
      commands.push_back({compile_command(unit), lab_, {}, {}});
      stale.push_back(unit);
    }
    units.push_back(std::move(unit));
  }
  result.overlay_seconds = overlay.seconds();

  const Timer compile;
  const std::vector<Outcome> outcomes = run_all(commands);
  result.compile_seconds = compile.seconds();
  result.compiled = static_cast<int>(commands.size());
  for (size_t i = 0; i < outcomes.size(); ++i)
    if (outcomes[i].code != 0) read_errors(stale[i], outcomes[i].output, result);
  if (!result.errors.empty()) return result;

  const Timer link;
  std::vector<std::string> words;
  for (const std::string& word : read_lines(prebuilt_ + "/lab/" + request.module->name + ".link")) {
    if (word != "@student@")
      words.push_back(word);
    else
      for (const Unit& unit : units) words.push_back(unit.object);
  }
  const std::string program = folder_ + "/" + request.module->name;
  fs::create_directories(folder_);
  words.insert(words.end(), {"-o", program});
  const Outcome linked = run({words, prebuilt_, {}, {}});
  result.link_seconds = link.seconds();
  if (linked.code != 0)
    result.errors[""] = "linking failed:\n" + linked.output;
  else
    result.program = program;
  return result;
}

}  // namespace tinytorch::lab
