#include "cli/lab/build.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "cli/command.h"
#include "cli/lab/generate.h"
#include "cli/lab/region.h"
#include "cli/lab/release.h"
#include "tinytorch/data/atomic_file.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

// What is compiled: a text, and where its object is once it has been.
struct LabBuild::Unit {
  std::string command;  // without input and output
  std::string text;
  std::string stem;  // of its files in the object folder
  const SourceFile* student = nullptr;
  std::string name;      // as messages show it
  uint64_t headers = 0;  // of the student's
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
// too (a null pointer, a wild one).
constexpr const char* kQuickChecks =
    "-fno-sanitize=null,alignment,object-size,vptr,nonnull-attribute,returns-nonnull-attribute,"
    "pointer-overflow";

// As one word of a shell command.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

uint64_t hash_of(const std::string& text, uint64_t hash = 0xcbf29ce484222325) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Gives each error of the compiler to the region it stands in.
void read_errors(const SourceFile* student, const std::string& name, const std::string& output,
                 BuildResult& result) {
  static const std::regex kError("^([^:\n]+):([0-9]+):[0-9]+: (fatal )?error: (.*)$");
  static const std::regex kSource("^ *[0-9]* \\| .*$");  // the line itself, and the caret below it
  std::istringstream lines(output);
  bool found = false;
  std::string* showing = nullptr;  // the error whose source lines come now
  for (std::string line; std::getline(lines, line);) {
    if (showing && std::regex_match(line, kSource)) {
      *showing += "\n" + line;
      continue;
    }
    showing = nullptr;
    std::smatch match;
    if (!std::regex_match(line, match, kError) || match[1] != name || !student) continue;
    const size_t at = std::stoul(match[2]) - 1;
    for (const Region& region : student->regions) {
      if (at < region.begin || at >= region.end) continue;
      const std::string id = region.is_helpers() ? "" : region.id;
      const auto [error, first] = result.errors.try_emplace(id, "it does not compile:\n" + line);
      if (first) showing = &error->second;
      found = true;
    }
  }
  if (!found) result.errors.try_emplace("", name + " does not compile:\n" + output);
}

// Keeps the newest objects: each save of a file leaves one.
void prune(const fs::path& objects, size_t keep) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code ec;
  for (fs::directory_iterator it(objects, ec), end; !ec && it != end; it.increment(ec))
    files.emplace_back(it->last_write_time(ec), it->path());
  if (files.size() <= keep) return;
  std::sort(files.begin(), files.end());
  for (size_t i = 0; i + keep < files.size(); ++i) fs::remove(files[i].second, ec);
}

}  // namespace

LabBuild::LabBuild(std::string home, std::string root, std::string folder, Profile profile)
    : home_(std::move(home)),
      root_(std::move(root)),
      prebuilt_(home_ + (profile == Profile::kTest ? "/build/dev" : "/build/release")),
      folder_(std::move(folder)),
      profile_(profile) {}

void LabBuild::prepare() const {
  const auto sources =
      std::max({newest(home_ + "/tinytorch"), newest(home_ + "/modules"), newest(home_ + "/cmake"),
                fs::last_write_time(home_ + "/CMakeLists.txt")});
  const std::string stamp = prebuilt_ + "/lab/stamp";
  if (!older(stamp, sources)) return;
  const std::string preset = profile_ == Profile::kTest ? "dev" : "release";
  fs::create_directories(prebuilt_);
  const int lock = open((prebuilt_ + "/tito.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (lock >= 0)
    flock(lock, LOCK_EX);  // one build at a time in a folder; another one may have done it
  if (older(stamp, sources)) {
    fmt::print(stderr, "tito: building the framework for the lab in {} ({})\n", prebuilt_,
               fs::exists(stamp) ? "sources have changed" : "the first time takes some minutes");
    const Outcome configured =
        run({{"cmake", "--preset", preset, "--log-level=WARNING"}, home_, {}, {}});
    if (configured.code != 0)
      throw cli::EnvironmentError("configuring the lab's build failed:\n" + configured.output);
    const Outcome built = run({{"cmake", "--build", prebuilt_, "--target", "lab"}, home_, {}, {}});
    if (built.code != 0)
      throw cli::EnvironmentError("building the framework for the lab failed:\n" + built.output);
  }
  if (lock >= 0) close(lock);
}

SourceFile read_reference(const std::string& home, const std::string& file) {
  const std::string path = reference_path(home, "tinytorch/" + file);
  return parse_source(read_text(path), path);
}

SourceFile read_source(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  return fs::exists(path) ? parse_source(read_text(path), name) : SourceFile{name, {}, {}};
}

// The prebuilt object's own command (compile_commands.json) without what treats a student's
// warnings as errors.
std::string LabBuild::compile_command(const std::string& sibling) const {
  static std::mutex mutex;
  static std::map<std::string, nlohmann::json> databases;
  const std::lock_guard lock(mutex);
  nlohmann::json& database = databases[prebuilt_];
  if (database.is_null())
    database = nlohmann::json::parse(read_text(prebuilt_ + "/compile_commands.json"));
  const std::string compiler = read_lines(prebuilt_ + "/lab/compiler").at(0);
  for (const auto& entry : database) {
    const std::string file = entry.at("file");
    if (file != home_ + "/" + sibling && file != prebuilt_ + "/reference/" + sibling) continue;
    std::string command = entry.at("command");
    command = command.substr(0, command.rfind(" -o "));
    command.erase(0, command.find(compiler + " ") + compiler.size());  // without ccache
    const bool quick = profile_ == Profile::kQuick;
    if (quick)  // the header that was precompiled with the other optimisation
      if (const size_t at = command.find("CMakeFiles/tinytorch.dir/cmake_pch.hxx");
          at != command.npos)
        command.replace(at, 38, "CMakeFiles/lab_pch_quick.dir/cmake_pch.hxx");
    return fmt::format(
        "exec {} -I {} {} {} -Wno-error -Wno-unused "
        "-Wno-unused-parameter -Wno-invalid-pch -fdiagnostics-color=never",
        quoted(compiler), quoted(folder_ + "/overlay"), command,
        profile_ == Profile::kTest ? std::string(kQuickChecks) + " -g"  // for a debugger
        : quick                    ? "-O1"
                                   : "");
  }
  throw cli::EnvironmentError(sibling + ": is no file of the installation.");
}

void LabBuild::write_compile_commands(const std::vector<Module>& course) const {
  // What clang does not know, and what only saves time.
  static const std::regex kOurs(
      " (-fpch-preprocess|-Winvalid-pch|-Wno-invalid-pch|--param [^ ]+|-include [^ "
      "]+cmake_pch[.]hxx|"
      "-fno-sanitize=[^ ]+|-fsanitize=[^ ]+)");
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Module& module : course)
    for (const std::string& file : module.files()) {
      const std::string name = "modules/" + module.name + "/" + file;
      if (!fs::exists(root_ + "/" + name)) continue;
      const std::string command =
          std::regex_replace(compile_command("tinytorch/" + file), kOurs, "");
      list.push_back({{"directory", root_},
                      {"file", name},
                      // Starters throw NotImplemented.
                      {"command", command.substr(command.find(' ') + 1) +
                                      " -include tinytorch/core/error.h -c " + name}});
    }
  const std::string path = root_ + "/compile_commands.json", text = list.dump(1) + "\n";
  if (!fs::exists(path) || read_text(path) != text) data::write_file_atomic(path, text);
}

LabBuild::Unit LabBuild::unit_of(const Part& part) const {
  const SourceFile reference = read_reference(home_, part.file);
  Unit unit;
  unit.command = compile_command("tinytorch/" + part.file);
  unit.text = make_overlay(reference, part.student, part.take, part.reach);
  unit.stem = part.file;
  unit.student = &part.student;
  unit.name = part.student.name;
  return unit;
}

LabBuild::Unit LabBuild::unit_of(const Whole& file) const {
  Unit unit;
  unit.command = compile_command(file.sibling);
  unit.text = fmt::format("#line 1 \"{}\"\n{}", file.name, file.text);
  unit.stem = file.sibling;
  unit.name = file.name;
  return unit;
}

// An object is named after all that went into it, so that one that is there is the right one.
bool LabBuild::compile(std::vector<Unit>& units, BuildResult& result) const {
  const fs::path objects = folder_ + "/objects";
  fs::create_directories(objects);
  const auto stamp = fs::last_write_time(prebuilt_ + "/lab/stamp").time_since_epoch().count();
  std::vector<Program> commands;
  std::vector<const Unit*> stale;
  std::vector<std::string> made;
  for (Unit& unit : units) {
    std::replace(unit.stem.begin(), unit.stem.end(), '/', '_');
    unit.stem =
        (objects /
         fmt::format("{}-{:016x}", unit.stem,
                     hash_of(unit.text,
                             hash_of(unit.command + root_ + std::to_string(stamp), unit.headers))))
            .string();
    if (fs::exists(unit.stem + ".o")) continue;
    data::write_file_atomic(unit.stem + ".cpp", unit.text);
    // Under another name first: what is killed in the middle leaves no half object.
    made.push_back(fmt::format("{}.{}.tmp", unit.stem, gettid()));
    commands.push_back(
        {{"sh", "-c", unit.command + " -o \"$1\" -c \"$2\"", "sh", made.back(), unit.stem + ".cpp"},
         root_,
         {},
         {}});
    if (confine_) commands.back() = confine_(commands.back());
    stale.push_back(&unit);
  }
  const std::vector<Outcome> outcomes = run_all(commands);
  result.compiled = static_cast<int>(commands.size());
  for (size_t i = 0; i < outcomes.size(); ++i) {
    std::error_code ec;
    if (outcomes[i].code == 0)
      fs::rename(made[i], stale[i]->stem + ".o");
    else
      read_errors(stale[i]->student, stale[i]->name, outcomes[i].output, result);
    fs::remove(made[i], ec);
  }
  return result.errors.empty();
}

BuildResult LabBuild::build(const std::string& program, const std::vector<Part>& parts,
                            const std::vector<Whole>& files, const std::string& as) const {
  BuildResult result;
  const Timer overlay;
  std::vector<Unit> units;
  std::string headers;
  for (const Whole& file : files) {
    if (!file.sibling.ends_with(".h")) continue;
    const std::string path = folder_ + "/overlay/" + file.sibling;
    fs::create_directories(fs::path(path).parent_path());
    if (!fs::exists(path) || read_text(path) != file.text) data::write_file_atomic(path, file.text);
    headers += file.text;
  }
  if (headers.empty()) fs::remove_all(folder_ + "/overlay");
  units.reserve(parts.size() + files.size());
  for (const Part& part : parts) units.push_back(unit_of(part));
  for (const Whole& file : files)
    if (!file.sibling.ends_with(".h")) units.push_back(unit_of(file));
  for (Unit& unit : units) unit.headers = hash_of(headers);
  result.overlay_seconds = overlay.seconds();

  const Timer compiling;
  const bool compiled = compile(units, result);
  result.compile_seconds = compiling.seconds();
  if (!compiled) return result;

  for (size_t i = 0; i < parts.size(); ++i) result.objects[parts[i].file] = units[i].stem + ".o";

  const Timer linking;
  std::vector<std::string> words;
  for (const std::string& word : read_lines(prebuilt_ + "/lab/" + program + ".link")) {
    if (word != "@student@")
      words.push_back(word);
    else
      for (const Unit& unit : units) words.push_back(unit.stem + ".o");
  }
  const std::string path = folder_ + "/" + (as.empty() ? program : as);
  words.insert(words.end(), {"-o", path});
  const Outcome linked = run({words, prebuilt_, {}, {}});
  result.link_seconds = linking.seconds();
  if (linked.code != 0)
    result.errors[""] = "linking failed:\n" + linked.output;
  else
    result.program = path;
  if (profile_ != Profile::kQuick && !confine_) prune(folder_ + "/objects", 256);
  return result;
}

}  // namespace tinytorch::lab
