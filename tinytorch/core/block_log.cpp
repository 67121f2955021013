#include <algorithm>
#include <cstring>

#include "tinytorch/core/memory.h"

namespace tinytorch {

thread_local constinit BlockLog* t_block_log = nullptr;

namespace {

uint64_t checksum(const Storage& storage) {
  const auto* bytes = static_cast<const char*>(storage.data());
  uint64_t sum = 0;
  for (size_t i = 0; i < storage.bytes(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, std::min(sizeof(word), storage.bytes() - i));
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    sum ^= sum >> 32;
  }
  return sum;
}

}  // namespace

// Without free blocks of its own the thread asks the shared pool for each block and gives each back
// there: the log sees them all, and allocating costs nothing where nothing is logged.
BlockLog::BlockLog() {
  keep_no_free_blocks();
  t_block_log = this;
}

BlockLog::~BlockLog() {
  t_block_log = nullptr;
  keep_free_blocks();
  for (const Entry& entry : entries_)
    if (entry.freed) return_block(entry.block);
}

bool BlockLog::keep_back(Block* block) {
  const auto entry = std::find_if(entries_.rbegin(), entries_.rend(),
                                  [&](const Entry& e) { return e.block == block; });
  if (entry == entries_.rend()) {
    refuse("a tensor from before is given up");
    return false;
  }
  entry->freed = true;
  return true;
}

void BlockLog::pin(const Storage& storage) {
  const auto known = std::find(pinned_.begin(), pinned_.end(), storage);
  if (known != pinned_.end()) {
    checksums_[static_cast<size_t>(known - pinned_.begin())] = checksum(storage);
    return;
  }
  pinned_.push_back(storage);
  checksums_.push_back(checksum(storage));
}

const char* BlockLog::refusal() {
  for (size_t i = 0; i < pinned_.size(); ++i)
    if (checksum(pinned_[i]) != checksums_[i]) refuse("a tensor of constants is changed");
  return refusal_;
}

}  // namespace tinytorch
