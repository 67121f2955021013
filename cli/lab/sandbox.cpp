#include "cli/lab/sandbox.h"

#include <unistd.h>

#include <filesystem>

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

// Users that no system gives to anybody (systemd-nspawn's and DynamicUser's ranges end below).
constexpr int kFirstUser = 65600;

void add(std::vector<std::string>& words, std::initializer_list<std::string> more) {
  words.insert(words.end(), more);
}

// Where the system's programs and libraries are; /lib and the like are links on most systems.
void add_system(std::vector<std::string>& words) {
  add(words, {"--ro-bind", "/usr", "/usr"});
  for (const std::string name : {"/lib", "/lib64", "/bin"}) {
    if (fs::is_symlink(name))
      add(words, {"--symlink", fs::read_symlink(name).string(), name});
    else if (fs::exists(name))
      add(words, {"--ro-bind", name, name});
  }
  add(words, {"--ro-bind-try", "/etc/alternatives", "/etc/alternatives", "--ro-bind-try",
              "/etc/ld.so.cache", "/etc/ld.so.cache"});
}

}  // namespace

Sandbox::Sandbox(std::string home) : home_(std::move(home)), namespaces_(true) {
  namespaces_ = run(confine({{"true"}, "", {}, {}}, {}, {}, 0)).code == 0;
}

Program Sandbox::confine(const Program& program, const std::vector<Mount>& mounts,
                         const Limits& limits, int worker) const {
  Program confined = program;
  std::vector<std::string>& words = confined.words;
  words.clear();
  if (geteuid() == 0 && (namespaces_ || !limits.reads_ours)) {
    const std::string user = std::to_string(kFirstUser + worker);
    add(words, {"setpriv", "--reuid", user, "--regid", user, "--clear-groups"});
  }
  add(words, {"prlimit", "--cpu=" + std::to_string(limits.cpu_seconds),
              "--as=" + std::to_string(limits.memory_bytes),
              "--fsize=" + std::to_string(limits.file_bytes),
              "--nproc=" + std::to_string(limits.processes), "--nofile=256", "--core=0"});
  if (namespaces_) {
    add(words, {"bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
                "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"});
    for (const std::string& each : program.environment) {
      const size_t at = each.find('=');
      add(words, {"--setenv", each.substr(0, at), each.substr(at + 1)});
    }
    confined.environment.clear();
    add_system(words);
    if (home_.starts_with("/usr/")) add(words, {"--tmpfs", home_});
    add(words, {"--proc", "/proc", "--dev", "/dev", "--size", "67108864", "--tmpfs", "/tmp"});
    for (const Mount& mount : mounts)
      add(words, {mount.writable ? "--bind" : "--ro-bind", mount.from, mount.to});
    add(words, {"--chdir", program.folder.empty() ? "/tmp" : program.folder});
    confined.folder.clear();
  }
  add(words, {"--"});
  words.insert(words.end(), program.words.begin(), program.words.end());
  return confined;
}

void Sandbox::own(const std::string& folder, int worker) const {
  if (geteuid() != 0) return;
  const int user = kFirstUser + worker;
  if (chown(folder.c_str(), static_cast<uid_t>(user), static_cast<gid_t>(user)) != 0)
    throw fs::filesystem_error("chown", folder, std::error_code(errno, std::generic_category()));
}

}  // namespace tinytorch::lab
