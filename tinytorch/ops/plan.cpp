#include "tinytorch/ops/plan.h"

#include <algorithm>
#include <cstring>

#include "tinytorch/core/error.h"
#include "tinytorch/core/memory.h"
#include "tinytorch/kernels/recording.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {

namespace {

constexpr size_t kMostPlans = 16;  // of one PlannedCalls; the oldest goes
constexpr size_t kLine = 64;

bool has_layout(const Tensor& x, DType dtype, const Layout& layout) {
  return x.dtype() == dtype && x.shape() == layout.shape && x.strides() == layout.strides;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape() || a.strides() != b.strides()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.numel() == 0 || std::memcmp(x.raw_data(), y.raw_data(),
                                       static_cast<size_t>(x.numel()) * item_size(x.dtype())) == 0;
}

// Sees to it that kernels of the list write all that lies in the blocks of the log, and the input:
// no other code before them, between them or behind them.
class WriteWatcher : public kernels::CallWatcher {
 public:
  WriteWatcher(BlockLog& log, const Tensor& x) : log_(log), x_(x.storage()) {
    note(x_.data(), x_.bytes());
  }
  void before(std::span<const uint64_t> args) override {
    if (points_into(args, x_.data(), x_.bytes())) check(x_.data(), x_.bytes());
    for_each_block(args, [&](const Block* block) {
      if (find(block->data))
        check(block->data, block->bytes);
      else if (!BlockLog::is_fresh(block))
        log_.refuse(kOther);
    });
  }
  void after(std::span<const uint64_t> args) override {
    if (points_into(args, x_.data(), x_.bytes())) note(x_.data(), x_.bytes());
    for_each_block(args, [&](const Block* block) { note(block->data, block->bytes); });
  }
  void end(const Storage& y) {
    if (find(y.data())) check(y.data(), y.bytes());
  }

 private:
  static constexpr const char* kOther = "tensors are written to by other code than kernels";
  uint64_t* find(const void* data) {
    for (auto& [block, sum] : sums_)
      if (block == data) return &sum;
    return nullptr;
  }
  void check(const void* data, size_t bytes) {
    if (*find(data) != BlockLog::checksum(data, bytes)) log_.refuse(kOther);
  }
  void note(const void* data, size_t bytes) {
    const uint64_t sum = BlockLog::checksum(data, bytes);
    if (uint64_t* known = find(data))
      *known = sum;
    else
      sums_.emplace_back(data, sum);
  }
  static bool points_into(std::span<const uint64_t> args, const void* data, size_t bytes) {
    return std::any_of(args.begin(), args.end(), [&](uint64_t word) {
      return word - reinterpret_cast<uint64_t>(data) < bytes;
    });
  }
  template <class Fn>
  void for_each_block(std::span<const uint64_t> args, Fn fn) {
    for (const BlockLog::Entry& e : log_.entries()) {
      const auto holds = [&](const Storage& s) { return s.data() == e.block->data; };
      if (!e.freed && points_into(args, e.block->data, e.block->bytes) &&
          std::none_of(log_.pinned().begin(), log_.pinned().end(), holds))
        fn(e.block);
    }
  }
  BlockLog& log_;
  const Storage x_;
  std::vector<std::pair<const void*, uint64_t>> sums_;  // behind the last call that touched them
};

}  // namespace

// A block that the recorded function took and gave back, and the words that point into it.
struct Plan::Piece {
  uint64_t begin, bytes;
  std::vector<size_t> words;   // ascending, so by time
  size_t first = 0, last = 0;  // the calls between which it holds something
  size_t place = 0;            // in the arena
};

namespace {

// Gives each piece a place in one block, none of two that are needed at the same time the same:
// the largest first, each as low as it can (Pisarchyk and Lee 2020, "Efficient memory management
// for deep neural net inference", greedy by size). Returns the size of the block.
template <class Piece>
size_t arrange(std::vector<Piece>& pieces) {
  std::vector<Piece*> order, placed;
  for (Piece& piece : pieces) order.push_back(&piece);
  std::sort(order.begin(), order.end(), [](const Piece* a, const Piece* b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->first < b->first;
  });
  size_t total = 0;
  for (Piece* piece : order) {
    const auto end = [](const Piece* p) {
      return p->place + (p->bytes + kLine - 1) / kLine * kLine;
    };
    piece->place = 0;
    for (const Piece* other : placed) {  // by place
      const bool meets = other->first <= piece->last && piece->first <= other->last;
      if (meets && other->place < end(piece) && piece->place < end(other))
        piece->place = end(other);
    }
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), piece,
                         [](const Piece* a, const Piece* b) { return a->place < b->place; }),
        piece);
    total = std::max(total, end(piece));
  }
  return total;
}

}  // namespace

Plan::Plan() : recording_(std::make_unique<kernels::Recording>()) {}
Plan::~Plan() = default;

size_t Plan::kernels() const {
  return recording_->size();
}

// Finds the words that point into the pieces, the input and the output.
void Plan::bind(const Tensor& x, const Tensor& y, std::vector<Piece>& pieces) {
  const auto address = [](const void* p) { return reinterpret_cast<uint64_t>(p); };
  const uint64_t in = address(x.storage().data()), out = address(y.storage().data());
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  for (size_t call = 0; call < recording_->size(); ++call)
    for (size_t w = recording_->first_word(call); w < recording_->first_word(call + 1); ++w) {
      const uint64_t value = recording_->words[w];
      if (value - in < x.storage().bytes()) {
        input_.push_back({w, static_cast<int64_t>(value - address(x.raw_data()))});
      } else if (result_ == Result::kNew && value - out < y_bytes_) {
        output_.push_back({w, static_cast<int64_t>(value - out)});
      } else {
        auto piece = std::upper_bound(pieces.begin(), pieces.end(), value,
                                      [](uint64_t v, const Piece& p) { return v < p.begin; });
        if (piece == pieces.begin() || value - (--piece)->begin >= piece->bytes) continue;
        if (piece->words.empty()) piece->first = call;
        piece->last = call;
        piece->words.push_back(w);
      }
    }
  std::erase_if(pieces, [](const Piece& p) { return p.words.empty(); });
}

std::unique_ptr<Plan> Plan::record(const Function& fn, const Tensor& x, Tensor& y,
                                   std::string* why) {
  std::unique_ptr<Plan> plan(new Plan);
  const auto refuse = [&](const char* reason) {
    if (why) *why = reason;
    return nullptr;
  };
  std::vector<Piece> pieces;
  {
    BlockLog log;
    WriteWatcher watcher(log, x);
    plan->recording_->watcher = &watcher;
    {
      const kernels::RecordingScope scope(plan->recording_.get());
      y = fn(x);
    }
    plan->recording_->watcher = nullptr;
    if (!y.defined()) return refuse("it gives no tensor");
    watcher.end(y.storage());
    if (const char* reason = log.refusal()) return refuse(reason);
    if (const char* reason = plan->recording_->refusal) return refuse(reason);
    plan->pinned_ = log.pinned();
    plan->result_ = y.storage() == x.storage() ? Result::kInput : Result::kFixed;
    for (const BlockLog::Entry& entry : log.entries()) {
      const auto holds = [&](const Storage& s) { return s.data() == entry.block->data; };
      if (std::any_of(plan->pinned_.begin(), plan->pinned_.end(), holds)) {
        if (holds(y.storage())) return refuse("it gives a new tensor of constants");
        continue;
      }
      if (entry.freed)
        pieces.push_back({reinterpret_cast<uint64_t>(entry.block->data), entry.block->bytes, {}});
      else if (holds(y.storage()))
        plan->result_ = Result::kNew;
      else
        return refuse("it keeps a tensor that it makes");
    }
    plan->x_layout_ = x.layout();
    plan->y_dtype_ = y.dtype(), plan->y_layout_ = y.layout();
    if (plan->result_ == Result::kNew) plan->y_bytes_ = y.storage().bytes();
    if (plan->result_ == Result::kFixed) plan->fixed_ = y;
    plan->bind(x, y, pieces);
  }
  plan->arena_ = Storage::allocate(arrange(pieces));
  auto* arena = static_cast<char*>(plan->arena_.data());
  for (const Piece& piece : pieces)
    for (const size_t word : piece.words) {
      uint64_t& address = plan->recording_->words[word];
      address += reinterpret_cast<uint64_t>(arena + piece.place) - piece.begin;
    }
  // No number is left over from the function's own call.
  if (plan->arena_.bytes()) std::memset(arena, 0xff, plan->arena_.bytes());
  try {
    if (!same_bits(plan->run(x), y)) return refuse("it does not give the same result again");
  } catch (const Error&) {
    return refuse("it does not give the same result again");
  }
  return plan;
}

Tensor Plan::run(const Tensor& x) {
  const auto in = reinterpret_cast<uint64_t>(x.raw_data());
  std::vector<uint64_t>& words = recording_->words;
  for (const Patch& p : input_) words[p.word] = in + static_cast<uint64_t>(p.offset);
  if (result_ != Result::kNew) {
    recording_->run();
    if (result_ == Result::kFixed) return fixed_;
    Layout layout = y_layout_;
    layout.offset += x.storage_offset() - x_layout_.offset;
    return alias(x, layout);
  }
  const Storage out = Storage::allocate(y_bytes_);
  const auto to = reinterpret_cast<uint64_t>(out.data());
  for (const Patch& p : output_) words[p.word] = to + static_cast<uint64_t>(p.offset);
  recording_->run();
  return make_tensor(out, y_dtype_, y_layout_);
}

WatchedTensors::WatchedTensors(const std::vector<Tensor>& tensors) {
  for (const Tensor& t : tensors)
    states_.push_back({t, t.storage().data(), t.version(), t.storage().exposed()});
}

bool WatchedTensors::unchanged() const {
  return std::all_of(states_.begin(), states_.end(), [](const State& s) {
    const Storage& now = s.tensor.storage();
    return now.data() == s.memory && now.version() == s.version && now.exposed() == s.exposed;
  });
}

Tensor PlannedCalls::operator()(const Plan::Function& fn, const Tensor& x) {
  if (kernels::recording()) return fn(x);  // a part of a plan that is being made
  auto entry = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& e) { return has_layout(x, e.dtype, e.layout); });
  if (entry != entries_.end() && entry->plan) return entry->plan->run(x);
  if (entry == entries_.end()) {
    if (entries_.size() == kMostPlans) entries_.erase(entries_.begin());
    entry = entries_.emplace(entries_.end());
    entry->dtype = x.dtype(), entry->layout = x.layout();
  }
  Tensor y;
  if (entry->calls == 1)
    entry->plan = Plan::record(fn, x, y, &entry->why);
  else
    y = fn(x);
  ++entry->calls;  // not after an error
  return y;
}

const Plan* PlannedCalls::plan_for(const Tensor& x, std::string* why) const {
  for (const Entry& e : entries_)
    if (has_layout(x, e.dtype, e.layout)) {
      if (why && !e.plan) *why = e.why;
      return e.plan.get();
    }
  if (why) *why = "no input of this shape has come yet";
  return nullptr;
}

}  // namespace tinytorch
