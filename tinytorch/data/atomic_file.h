#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tinytorch::data {

// A file that appears whole or not at all, also when the process is killed or the power fails:
// writes go to a temporary file in the same folder (.NAME.tmp); commit() syncs it, renames it over
// `path` and syncs the folder. Without commit() the destructor removes the temporary file and
// `path` is as it was. A symbolic link is followed; a pipe or device is written directly. Failures
// are IoErrors with the system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  [[noreturn]] void fail(const char* what);
  std::string path_, target_, temporary_;  // temporary_ empty: written directly
  int fd_ = -1;
};

void write_file_atomic(const std::string& path, std::string_view content);

// Makes changes of names in a folder (rename, create, unlink) survive a power failure.
void sync_folder(const std::string& folder);

}  // namespace tinytorch::data
