#include "tinytorch/data/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tinytorch/core/format.h"

namespace tinytorch::data {

namespace fs = std::filesystem;

namespace {

// Opens NAME for writing alone: null when another writer holds it. A file that nobody holds is the
// leftover of a killed process and is used again, so that leftovers never pile up.
int open_alone(const std::string& name, bool& busy) {
  while (true) {
    const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    busy = false;
    if (fd < 0) return fd;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      busy = true;
      close(fd);
      return -1;
    }
    // The holder may have renamed or removed the file between our open and our lock.
    struct stat mine{}, named{};
    if (fstat(fd, &mine) == 0 && stat(name.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
        mine.st_dev == named.st_dev)
      return ftruncate(fd, 0) == 0 ? fd : (close(fd), -1);
    close(fd);
  }
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(path) {
  struct stat info{};
  const bool exists = stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) raise<IoError>("{}: is a folder, expected a file.", path);
  if (exists && !S_ISREG(info.st_mode)) {
    fd_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) fail("opened");
    return;
  }
  std::error_code ec;
  if (const fs::path real = fs::canonical(path, ec); !ec) target_ = real.string();
  const fs::path target(target_);
  const fs::path stem = target.parent_path() / format_text(".{}", target.filename().string());
  bool busy = true;
  for (int k = 0; busy; ++k) {
    temporary_ = stem.string() + (k ? format_text(".{}.tmp", k) : ".tmp");
    fd_ = open_alone(temporary_, busy);
  }
  if (fd_ < 0) fail("created");
  if (exists) (void)!fchmod(fd_, info.st_mode & 07777);  // best effort: keep the file's mode
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t bytes) {
  const char* p = static_cast<const char*>(data);
  constexpr size_t kMost = size_t{1} << 30;  // Linux writes less than 2 GiB at a time
  while (bytes > 0) {
    const ssize_t n = ::write(fd_, p, std::min(bytes, kMost));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("written");
    p += n;
    bytes -= static_cast<size_t>(n);
  }
}

void AtomicFile::commit() {
  if (temporary_.empty()) {
    close(fd_);
    fd_ = -1;
    return;
  }
  if (fsync(fd_) != 0) fail("synced");
  if (rename(temporary_.c_str(), target_.c_str()) != 0) fail("renamed into place");
  close(fd_);
  fd_ = -1;
  sync_folder(fs::path(target_).parent_path().string());
}

void AtomicFile::fail(const char* what) {
  const int error = errno;
  raise<IoError>("{}: cannot be {}: {}.", path_, what, std::strerror(error));
}

void write_file_atomic(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void sync_folder(const std::string& folder) {
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // a folder we may write in but not read: nothing more can be done
  fsync(fd);           // some file systems refuse to sync folders; the file itself is synced
  close(fd);
}

}  // namespace tinytorch::data
