#include "cli/lab/release.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "cli/lab/generate.h"
#include "cli/lab/milestones.h"
#include "cli/lab/process.h"
#include "cli/lab/workspace.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPack = "reference.pack";
constexpr const char* kFolders[] = {"bench",    "cli",         "cmake",    "datasets",
                                    "examples", "third_party", "tinytorch"};
constexpr const char* kFiles[] = {".gitignore", "CMakeLists.txt", "CMakePresets.json",
                                  "LICENSE",    "tito",           "vcpkg.json"};

class Writer {
 public:
  Writer(const ReleaseRequest& request, fs::path to) : request_(request), to_(std::move(to)) {}

  Release run() {
    for (const char* name : kFiles)
      if (fs::exists(fs::path(request_.home) / name)) copy(name);
    for (const char* name : kFolders) copy_folder(name);
    copy_folder("modules/harness");
    for (const Module* module : request_.modules) write_module(*module);
    for (const Milestone& milestone : load_milestones(request_.home)) write_milestone(milestone);
    for (const auto& entry : fs::directory_iterator(request_.home + "/milestones"))
      if (entry.is_regular_file()) copy("milestones/" + entry.path().filename().string());
    if (!request_.with_solutions) pack();
    write_text((to_ / "README.md").string(), readme());
    return release_;
  }

 private:
  void copy(const std::string& name) {
    fs::create_directories((to_ / name).parent_path());
    fs::copy_file(fs::path(request_.home) / name, to_ / name);
    ++release_.files;
  }

  void copy_folder(const std::string& name) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(request_.home) / name))
      if (entry.is_regular_file()) copy(fs::relative(entry.path(), request_.home).string());
  }

  void write_module(const Module& module) {
    const std::string folder = "modules/" + module.name;
    copy(folder + "/module.toml");
    copy(folder + "/README.md");
    for (const auto& entry : fs::directory_iterator(module.folder))
      if (entry.path().extension() == ".svg") copy(folder + "/" + entry.path().filename().string());
    for (const char* part : {"/tests", "/measure", "/debug"})
      if (fs::exists(module.folder + part)) copy_folder(folder + part);
  }

  void write_milestone(const Milestone& milestone) {
    for (const std::string& name : milestone.modules)
      if (std::none_of(request_.modules.begin(), request_.modules.end(),
                       [&](const Module* module) { return module->name == name; }))
        return;
    copy_folder("milestones/" + milestone.name);
    release_.milestones.push_back(milestone.name);
  }

  // Puts starters where the reference stands, in the files of all modules, and the reference, with
  // the mended forms of the hunts, into one archive.
  void pack() {
    const fs::path reference = to_ / "reference";
    const auto take_away = [&](const std::string& name) {
      fs::create_directories((reference / name).parent_path());
      fs::rename(to_ / name, reference / name);
    };
    for (const Module& module : request_.course)
      for (const std::string& file : module.files()) {
        const std::string name = "tinytorch/" + file;
        const SourceFile source = parse_source(read_text((to_ / name).string()), name);
        take_away(name);
        write_text((to_ / name).string(), make_starter(source, module));
      }
    for (const Module* module : request_.modules)
      for (const Hunt& hunt : module->hunts)
        take_away(fmt::format("modules/{}/debug/{}.fixed.cpp", module->name, hunt.id));
    const Outcome packed = lab::run(
        {{"tar", "--owner=0", "--group=0", "--sort=name", "-czf", kPack, "-C", "reference", "."},
         to_.string(),
         {},
         {}});
    if (packed.code != 0) throw IoError("tar: " + packed.output);
    fs::remove_all(reference);
    ++release_.files;
  }

  std::string readme() const {
    std::string text =
        "# TinyTorch: the course\n\n"
        "You write the core of a machine learning framework, from loops to a network that learns, "
        "in this framework's own files, region by region. What you have not written comes from the "
        "reference, so that each module can be done alone.\n\n"
        "```sh\n./tito init ../my-lab    # the first start installs what is missing and builds "
        "(some minutes)\ncd ../my-lab\n./tito start " +
        request_.modules.front()->name +
        "\n```\n\nThen `./tito` says where you are and what is next. Debian 12 and relatives; g++ "
        "12 "
        "or newer, CMake 3.25.\n\n| | module | the question |\n| --- | --- | --- |\n";
    for (const Module* module : request_.modules)
      text += fmt::format("| {} | [{}](modules/{}/README.md) | {} |\n", module->order,
                          module->title, module->name, module->question);
    text +=
        request_.with_solutions
            ? "\nThis copy has the solutions, in `tinytorch/`, between the lines `tito:begin` and "
              "`tito:end`: it is not meant for students.\n"
            : "\nThe reference travels in `reference.pack`, which the build opens in `build/` "
              "alone. That is no secrecy, only a lid: whoever wants to look can. `./tito solution "
              "1.3` shows it after your own code passes.\n";
    return text;
  }

  const ReleaseRequest& request_;
  const fs::path to_;
  Release release_;
};

}  // namespace

Release release_course(const ReleaseRequest& request) {
  const fs::path out = fs::weakly_canonical(fs::absolute(request.out)).lexically_normal();
  const bool exists = fs::exists(fs::symlink_status(out));
  if (exists && !(fs::is_directory(out) && fs::is_empty(out)))
    throw ConfigError(request.out +
                      ": is there already and not empty; nothing was changed. Hint: name a new "
                      "folder.");
  if (fs::exists(fs::path(request.home) / kPack))
    throw ConfigError(
        "release: this is a course that was handed out; a release is made from the "
        "whole repository.");
  fs::create_directories(out.parent_path());
  const fs::path draft =
      out.parent_path() / fmt::format(".{}.tito-release-{}", out.filename().string(), getpid());
  try {
    fs::create_directories(draft);
    const Release release = Writer(request, draft).run();
    fs::rename(draft, out);
    return release;
  } catch (...) {
    std::error_code ec;
    fs::remove_all(draft, ec);
    throw;
  }
}

std::string reference_path(const std::string& home, const std::string& name) {
  const std::string unpacked = home + "/build/release/reference/" + name;
  return fs::exists(home + "/" + kPack) && fs::exists(unpacked) ? unpacked : home + "/" + name;
}

}  // namespace tinytorch::lab
