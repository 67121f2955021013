#include <algorithm>
#include <cstring>

#include "tinytorch/core/memory.h"

namespace tinytorch {

thread_local constinit BlockLog* t_block_log = nullptr;

namespace {

constexpr const char* kOtherCode =
    "a tensor's memory is read or written by other code than kernels";

uint64_t checksum(const Storage& storage) {
  const auto* bytes = static_cast<const char*>(storage.data());
  uint64_t sum = storage.bytes();
  for (size_t at = 0; at < storage.bytes(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + at, std::min(sizeof(word), storage.bytes() - at));
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    sum ^= sum >> 32;
  }
  return sum;
}

bool lies_in(uint64_t address, const void* data, size_t bytes) {
  return address - reinterpret_cast<uint64_t>(data) < bytes;
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
}

void BlockLog::taken(const Block* block) {
  entries_.push_back({block, block->data, 0, calls_, kNever});
}

void BlockLog::given_back(const Block* block) {
  const auto entry = std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& e) {
    return e.block == block && e.freed == kNever;
  });
  if (entry == entries_.rend()) return refuse("a tensor from before is given up");
  entry->freed = calls_;
  entry->bytes = block->bytes;
  const auto unpaid = [&](const Debt& debt) { return debt.data == block->data; };
  if (std::erase_if(debts_, unpaid)) refuse(kOtherCode);
}

void BlockLog::pin(const Storage& storage) {
  std::erase_if(debts_, [&](const Debt& debt) { return debt.data == storage.data(); });
  const auto known = std::find(pinned_.begin(), pinned_.end(), storage);
  if (known != pinned_.end()) {
    checksums_[static_cast<size_t>(known - pinned_.begin())] = checksum(storage);
    return;
  }
  pinned_.push_back(storage);
  checksums_.push_back(checksum(storage));
}

void BlockLog::address_given(const Storage& storage) {
  if (storage.bytes() == 0) return;
  for (Debt& debt : debts_)
    if (debt.data == storage.data()) {
      ++debt.count;
      return;
    }
  debts_.push_back({storage.data(), storage.bytes(), 1});
}

// So it does not pay for one that was given out.
void BlockLog::address_passed(const void* address) {
  for (Debt& debt : debts_)
    if (lies_in(reinterpret_cast<uint64_t>(address), debt.data, debt.bytes)) ++debt.count;
}

void BlockLog::kernel_called(std::span<const uint64_t> args) {
  ++calls_;
  for (Debt& debt : debts_)
    debt.count -= std::count_if(args.begin(), args.end(), [&](uint64_t word) {
      return lies_in(word, debt.data, debt.bytes);
    });
  std::erase_if(debts_, [](const Debt& debt) { return debt.count <= 0; });
}

const char* BlockLog::refusal() {
  if (!debts_.empty()) refuse(kOtherCode);
  for (size_t i = 0; i < pinned_.size(); ++i)
    if (checksum(pinned_[i]) != checksums_[i]) refuse("a tensor of constants is changed");
  return refusal_;
}

}  // namespace tinytorch
