#include "tinytorch/ops/plan.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "tinytorch/core/error.h"
#include "tinytorch/core/memory.h"
#include "tinytorch/kernels/recording.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {

namespace {

constexpr size_t kMostPlans = 16;  // of one PlannedCalls; the one not used for longest goes
constexpr size_t kLine = 64;

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape() || a.strides() != b.strides()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.numel() == 0 || std::memcmp(x.raw_data(), y.raw_data(),
                                       static_cast<size_t>(x.numel()) * item_size(x.dtype())) == 0;
}

void fill_blank(const Storage& memory) {
  if (memory.bytes() > 0) std::memset(memory.data(), 0xff, memory.bytes());
}

// Memory by its first address and its size. That of a tensor without elements has a place, too.
struct Range {
  uint64_t begin = 0, bytes = 0;
  Range() = default;
  Range(const void* data, size_t n)
      : begin(reinterpret_cast<uint64_t>(data)), bytes(std::max<size_t>(n, 1)) {}
  bool holds(uint64_t address) const { return address - begin < bytes; }
};

// From the first element of x to its last one.
Range extent(const Tensor& x) {
  int64_t last = x.numel() == 0 ? -1 : 0;
  for (int i = 0; last >= 0 && i < x.dim(); ++i) last += (x.shape()[i] - 1) * x.strides()[i];
  const auto item = static_cast<int64_t>(item_size(x.dtype()));
  return {static_cast<const char*>(x.storage().data()) + x.storage_offset() * item,
          static_cast<size_t>((last + 1) * item)};
}

// A block that the recorded function took and gave back, and the words that point into it.
struct Piece {
  Range memory;
  size_t taken, freed;         // by calls of kernels
  std::vector<size_t> words;   // ascending, so by time
  size_t first = 0, last = 0;  // the calls between which it holds something
  size_t place = 0;            // in the arena
};

// Gives each piece a place in one block, none of two that are needed at the same time the same:
// the largest first, each as low as it can (Pisarchyk and Lee 2020, "Efficient memory management
// for deep neural net inference", greedy by size). Returns the size of the block.
size_t arrange(std::vector<Piece>& pieces) {
  std::vector<Piece*> order, placed;
  for (Piece& piece : pieces)
    if (!piece.words.empty()) order.push_back(&piece);
  std::stable_sort(order.begin(), order.end(), [](const Piece* a, const Piece* b) {
    return a->memory.bytes > b->memory.bytes;
  });
  size_t total = 0;
  for (Piece* piece : order) {
    const auto end = [](const Piece* p) {
      return p->place + (p->memory.bytes + kLine - 1) / kLine * kLine;
    };
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

// Which of the pieces holds an address while some kernel is called. Asked in the order of calls.
class PiecesInUse {
 public:
  explicit PiecesInUse(std::vector<Piece>& pieces) : pieces_(pieces), by_end_(pieces.size()) {
    for (size_t i = 0; i < pieces.size(); ++i) by_end_[i] = i;
    std::stable_sort(by_end_.begin(), by_end_.end(),
                     [&](size_t a, size_t b) { return pieces[a].freed < pieces[b].freed; });
  }
  void go_to(size_t call) {  // a block may be taken again where another one lay
    for (; ended_ < by_end_.size() && pieces_[by_end_[ended_]].freed <= call; ++ended_) {
      const Piece& piece = pieces_[by_end_[ended_]];
      const auto at = live_.find(piece.memory.begin);
      if (at != live_.end() && at->second == &piece) live_.erase(at);
    }
    for (; begun_ < pieces_.size() && pieces_[begun_].taken <= call; ++begun_)
      if (pieces_[begun_].freed > call) live_[pieces_[begun_].memory.begin] = &pieces_[begun_];
  }
  Piece* find(uint64_t address) {
    const auto behind = live_.upper_bound(address);
    if (behind == live_.begin()) return nullptr;
    Piece* piece = std::prev(behind)->second;
    return piece->memory.holds(address) ? piece : nullptr;
  }

 private:
  std::vector<Piece>& pieces_;  // in the order in which they were taken
  std::vector<size_t> by_end_;
  size_t begun_ = 0, ended_ = 0;
  std::map<uint64_t, Piece*> live_;
};

// Tells the log of calls; what a kernel does inside is not logged.
class LogCalls : public kernels::CallWatcher {
 public:
  explicit LogCalls(BlockLog& log) : log_(log) {}
  void begin(std::span<const uint64_t> args) override {
    log_.kernel_called(args);
    inside_.emplace();
  }
  void end() override { inside_.reset(); }

 private:
  BlockLog& log_;
  std::optional<UnloggedScope> inside_;
};

}  // namespace

// Makes one plan.
class PlanMaker {
 public:
  PlanMaker(Plan& plan, const WatchedTensors& known) : plan_(plan), known_(known) {}
  Tensor call(const Plan::Function& fn, const Tensor& x);
  void finish(const Tensor& x, const Tensor& y);
  const char* refusal() const { return refusal_; }

 private:
  void refuse(const char* why) {
    if (!refusal_) refusal_ = why;
  }
  void look_at_log(BlockLog& log, const Tensor& y);
  void bind(const Tensor& x);
  void place();
  Plan& plan_;
  const WatchedTensors& known_;
  std::vector<Piece> pieces_;
  Range result_;  // memory of the result that the function made
  size_t result_taken_ = 0;
  const char* refusal_ = nullptr;
};

Tensor PlanMaker::call(const Plan::Function& fn, const Tensor& x) {
  BlockLog log;
  LogCalls calls(log);
  plan_.recording_->watcher = &calls;
  Tensor y;
  {
    const kernels::RecordingScope scope(plan_.recording_.get());
    y = fn(x);
  }
  plan_.recording_->watcher = nullptr;
  if (const char* reason = log.refusal()) refuse(reason);
  if (const char* reason = plan_.recording_->refusal) refuse(reason);
  plan_.pinned_ = log.pinned();
  for (const Storage& weight : log.copied())
    if (!known_.share_memory_with(weight)) refuse("it uses a weight that is not the module's");
  look_at_log(log, y);
  return y;
}

// What the function took is a piece, the result or a constant.
void PlanMaker::look_at_log(BlockLog& log, const Tensor& y) {
  for (const BlockLog::Entry& e : log.entries()) {
    const bool pinned = std::any_of(plan_.pinned_.begin(), plan_.pinned_.end(),
                                    [&](const Storage& s) { return s.data() == e.data; });
    if (e.freed != BlockLog::kNever) {
      pieces_.push_back({{e.data, e.bytes}, e.taken, e.freed, {}});
    } else if (y.defined() && y.storage().data() == e.data) {
      if (pinned) refuse("it gives a new tensor of constants");
      result_ = {e.data, y.storage().bytes()};
      result_taken_ = e.taken;
    } else if (!pinned) {
      refuse("it keeps a tensor that it makes");
    }
  }
}

void PlanMaker::finish(const Tensor& x, const Tensor& y) {
  if (!y.defined()) return refuse("it gives no tensor");
  plan_.gives_input_ = y.storage() == x.storage();
  if (!plan_.gives_input_ && !result_.begin) refuse("it gives a tensor that it did not make");
  if (known_.share_memory_with(x.storage())) refuse("its input is a tensor of the module's");
  if (!known_.unchanged()) refuse("it changes a parameter, a buffer or what it knows");
  if (refusal_) return;
  plan_.x_layout_ = x.layout();
  plan_.y_dtype_ = y.dtype(), plan_.y_layout_ = y.layout();
  plan_.y_bytes_ = plan_.gives_input_ ? 0 : y.storage().bytes();
  bind(x);
  if (plan_.output_.empty() && plan_.y_bytes_ > 0) refuse("no kernel writes its result");
  if (!refusal_) place();
}

// Finds the words that are addresses: in the pieces, the input, the output, constants or known
// tensors. In the memory of any other tensor none may lie, for that is not ours to hold.
void PlanMaker::bind(const Tensor& x) {
  const Range input = extent(x);
  std::vector<Range> fixed, all;
  for (const Storage& s : plan_.pinned_) fixed.emplace_back(s.data(), s.bytes());
  for (const Storage& s : known_.memory()) fixed.emplace_back(s.data(), s.bytes());
  for (const auto memory : tensor_memory()) all.emplace_back(memory.data(), memory.size());
  const auto in_any = [](const std::vector<Range>& ranges, uint64_t address) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const Range& r) { return r.holds(address); });
  };
  PiecesInUse in_use(pieces_);
  const kernels::Recording& recording = *plan_.recording_;
  for (size_t call = 0; call < recording.size(); ++call) {
    in_use.go_to(call);
    for (size_t w = recording.first_word(call); w < recording.first_word(call + 1); ++w) {
      const uint64_t value = recording.words[w];
      if (input.holds(value)) {
        plan_.input_.push_back({w, static_cast<int64_t>(value - input.begin)});
      } else if (call >= result_taken_ && result_.holds(value)) {
        plan_.output_.push_back({w, static_cast<int64_t>(value - result_.begin)});
      } else if (Piece* piece = in_use.find(value)) {
        if (piece->words.empty()) piece->first = call;
        piece->last = call;
        piece->words.push_back(w);
      } else if (!in_any(fixed, value) && in_any(all, value)) {
        return refuse("it uses a tensor that is neither made by it nor a parameter or buffer");
      }
    }
  }
}

void PlanMaker::place() {
  plan_.arena_ = Storage::allocate(arrange(pieces_));
  const auto arena = reinterpret_cast<uint64_t>(plan_.arena_.data());
  for (const Piece& piece : pieces_)
    for (const size_t word : piece.words)
      plan_.recording_->words[word] += arena + piece.place - piece.memory.begin;
}

Plan::Plan() : recording_(std::make_unique<kernels::Recording>()) {}
Plan::~Plan() = default;

size_t Plan::kernels() const {
  return recording_->size();
}

std::unique_ptr<Plan> Plan::record(const Function& fn, const Tensor& x, Tensor& y,
                                   const WatchedTensors& known, std::string* why) {
  std::unique_ptr<Plan> plan(new Plan);
  const uint32_t version = x.version();
  PlanMaker maker(*plan, known);
  y = maker.call(fn, x);
  const char* reason = x.version() != version ? "it changes its input" : maker.refusal();
  try {
    if (!reason) maker.finish(x, y), reason = maker.refusal();
  } catch (const MemoryError&) {
    reason = "there is no memory for it";
  }
  if (!reason) return plan;
  if (why) *why = reason;
  return nullptr;
}

bool Plan::gives(const Tensor& y, const Tensor& x) {
  try {
    return same_bits(repeat(x, true), y);
  } catch (const Error&) {
    return false;
  }
}

Tensor Plan::repeat(const Tensor& x, bool from_blank_memory) {
  if (from_blank_memory) fill_blank(arena_);
  const auto in = reinterpret_cast<uint64_t>(x.raw_data());
  std::vector<uint64_t>& words = recording_->words;
  for (const Patch& p : input_) words[p.word] = in + static_cast<uint64_t>(p.offset);
  if (gives_input_) {
    recording_->run();
    Layout layout = y_layout_;
    layout.offset += x.storage_offset() - x_layout_.offset;
    return alias(x, layout);
  }
  const Storage out = Storage::allocate(y_bytes_);
  if (from_blank_memory) fill_blank(out);
  const auto to = reinterpret_cast<uint64_t>(out.data());
  for (const Patch& p : output_) words[p.word] = to + static_cast<uint64_t>(p.offset);
  recording_->run();
  return make_tensor(out, y_dtype_, y_layout_);
}

// ---- WatchedTensors

WatchedTensors::WatchedTensors(const std::vector<Tensor>& constants,
                               const std::vector<Tensor>& state) {
  for (const auto* tensors : {&constants, &state})
    for (const Tensor& t : *tensors)
      tensors_.push_back({t, t.storage(), t.dtype(), t.layout(), t.version(), t.storage().exposed(),
                          tensors == &constants});
}

bool WatchedTensors::unchanged() const {
  return std::all_of(tensors_.begin(), tensors_.end(), [](const Watched& w) {
    const Storage& now = w.tensor.storage();
    return now == w.memory && (!w.constant || now.version() == w.version) &&
           now.exposed() == w.exposed && w.tensor.dtype() == w.dtype &&
           w.tensor.storage_offset() == w.layout.offset && w.tensor.shape() == w.layout.shape &&
           w.tensor.strides() == w.layout.strides;
  });
}

bool WatchedTensors::share_memory_with(const Storage& storage) const {
  return std::any_of(tensors_.begin(), tensors_.end(),
                     [&](const Watched& w) { return w.memory == storage; });
}

std::vector<Storage> WatchedTensors::memory() const {
  std::vector<Storage> all;
  all.reserve(tensors_.size());
  for (const Watched& w : tensors_) all.push_back(w.memory);
  return all;
}

// ---- PlannedCalls

PlannedCalls::Entry* PlannedCalls::find(const Tensor& x) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.dtype == x.dtype() && e.layout.shape == x.shape() && e.layout.strides == x.strides();
  });
  return found == entries_.end() ? nullptr : &*found;
}

PlannedCalls::Entry& PlannedCalls::entry_for(const Tensor& x) {
  if (Entry* entry = find(x)) return *entry;
  if (entries_.size() == kMostPlans)
    entries_.erase(
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.last_use < b.last_use; }));
  return entries_.emplace_back(Entry{x.dtype(), x.layout(), Stage::kNew, nullptr, "", 0});
}

std::string PlannedCalls::reason(Stage stage) {
  if (stage == Stage::kRecorded) return "the next call of this shape tries its plan";
  if (stage == Stage::kCalled) return "the next call of this shape makes a plan";
  return "no input of this shape has come yet";
}

Tensor PlannedCalls::operator()(const Plan::Function& fn, const Tensor& x,
                                const WatchedTensors& known) {
  if (kernels::recording()) return fn(x);  // a part of a plan that is being made
  Entry& entry = entry_for(x);
  entry.last_use = ++uses_;
  if (entry.stage == Stage::kServing) return entry.plan->run(x);
  if (entry.stage == Stage::kRefused || entry.stage == Stage::kBusy) return fn(x);
  // The function may call this one, or forget(): the entry is looked for again behind it.
  const Stage before = std::exchange(entry.stage, Stage::kBusy);
  std::unique_ptr<Plan> plan = std::move(entry.plan);
  const auto put = [&](Stage stage, std::string why) {
    Entry* again = find(x);
    if (!again || again->stage != Stage::kBusy) return;
    again->stage = stage, again->why = std::move(why);
    again->plan = stage == Stage::kRefused ? nullptr : std::move(plan);
  };
  Tensor y;
  try {
    std::string why;
    if (before == Stage::kCalled)
      plan = Plan::record(fn, x, y, known, &why);
    else
      y = fn(x);
    if (before == Stage::kNew)
      put(Stage::kCalled, reason(Stage::kCalled));
    else if (!plan)
      put(Stage::kRefused, std::move(why));
    else if (before == Stage::kCalled)
      put(Stage::kRecorded, reason(Stage::kRecorded));
    else if (plan->gives(y, x))
      put(Stage::kServing, "");
    else
      put(Stage::kRefused, "it does not give the same result again");
  } catch (...) {
    put(before, reason(before));
    throw;
  }
  return y;
}

const Plan* PlannedCalls::plan_for(const Tensor& x, std::string* why) const {
  const Entry* entry = const_cast<PlannedCalls*>(this)->find(x);
  const bool serving = entry && entry->stage == Stage::kServing;
  if (why && !serving) *why = entry ? entry->why : reason(Stage::kNew);
  return serving ? entry->plan.get() : nullptr;
}

}  // namespace tinytorch
