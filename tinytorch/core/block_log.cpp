#include <algorithm>
#include <cstring>

#include "tinytorch/core/memory.h"

namespace tinytorch {

thread_local constinit BlockLog* t_block_log = nullptr;

namespace {

constexpr uint64_t kMark = 0xa5a5a5a5a5a5a5a5u;
constexpr size_t kSample = 8192;  // words

// Calls fn(offset) for words of a block of `capacity` bytes, as far as they lie in the first
// `bytes`; false ends it.
template <class Fn>
void for_each_word(size_t capacity, size_t bytes, Fn fn) {
  const size_t step = std::max<size_t>(1, capacity / sizeof(uint64_t) / kSample) * sizeof(uint64_t);
  for (size_t at = 0; at + sizeof(uint64_t) <= bytes; at += step)
    if (!fn(at)) return;
}

uint64_t word_at(const void* data, size_t offset) {
  uint64_t word;
  std::memcpy(&word, static_cast<const char*>(data) + offset, sizeof(word));
  return word;
}

uint64_t sum_of(const Storage& storage) {
  return BlockLog::checksum(storage.data(), storage.bytes());
}

}  // namespace

uint64_t BlockLog::checksum(const void* data, size_t bytes) {
  uint64_t sum = bytes;
  const auto add = [&](uint64_t word) {
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    sum ^= sum >> 32;
  };
  for_each_word(bytes, bytes, [&](size_t at) {
    add(word_at(data, at));
    return true;
  });
  uint64_t rest = 0;  // the last bytes
  if (const size_t n = bytes % sizeof(rest))
    std::memcpy(&rest, static_cast<const char*>(data) + bytes - n, n);
  add(rest);
  return sum;
}

bool BlockLog::is_fresh(const Block* block) {
  const bool all = block->capacity / sizeof(kMark) <= kSample;
  const size_t rest = all ? block->bytes % sizeof(kMark) : 0;
  bool fresh =
      std::memcmp(static_cast<const char*>(block->data) + block->bytes - rest, &kMark, rest) == 0;
  for_each_word(block->capacity, block->bytes,
                [&](size_t at) { return fresh = fresh && word_at(block->data, at) == kMark; });
  return fresh;
}

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

void BlockLog::taken(Block* block) {
  unpoison(block->data, block->capacity);
  for_each_word(block->capacity, block->capacity, [&](size_t at) {
    std::memcpy(static_cast<char*>(block->data) + at, &kMark, sizeof(kMark));
    return true;
  });
  poison(block->data, block->capacity);
  entries_.push_back({block, false});
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
    checksums_[static_cast<size_t>(known - pinned_.begin())] = sum_of(storage);
    return;
  }
  pinned_.push_back(storage);
  checksums_.push_back(sum_of(storage));
}

const char* BlockLog::refusal() {
  for (size_t i = 0; i < pinned_.size(); ++i)
    if (sum_of(pinned_[i]) != checksums_[i]) refuse("a tensor of constants is changed");
  return refusal_;
}

}  // namespace tinytorch
