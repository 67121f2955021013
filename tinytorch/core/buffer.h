#pragma once
#include <cstddef>

namespace tinytorch {

struct Block;

// Memory with a single holder, 64-byte aligned, contents undefined; it ends with the Buffer.
// Counted in memory_stats() like that of a tensor, but nothing here is a task of the course: what
// measures the machine must work before there is a Storage.
class Buffer {
 public:
  explicit Buffer(size_t bytes);  // throws Error when there is no memory
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }

 private:
  Block* block_;
  void* data_;
};

}  // namespace tinytorch
