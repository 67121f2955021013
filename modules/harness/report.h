#pragma once
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace tinytorch::check {

// Writes all of `text` to a descriptor, or leaves: nobody reads any more.
inline void write_all(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) std::_Exit(3);
    done += static_cast<size_t>(n);
  }
}

// `--report FD` at the head of a program's arguments: where its results go, else -1. `first` is the
// argument after it.
inline int report_descriptor(int argc, char** argv, int& first) {
  first = 1;
  if (argc < 3 || std::string(argv[1]) != "--report") return -1;
  first = 3;
  return std::atoi(argv[2]);
}

}  // namespace tinytorch::check
