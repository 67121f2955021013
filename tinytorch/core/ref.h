#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

namespace tinytorch {

// Base of everything that is shared by counting. T::destroy(T*) ends an object whose count fell to
// zero (so that a class can queue the end of its children instead of recursing).
struct RefCounted {
  std::atomic<int32_t> refs{0};
};

// Counted pointer, one word. T derives from RefCounted and has `static void destroy(T*)`.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* p) : p_(p) { retain(); }
  static Ref adopt(T* p) {  // takes over a count that the caller owns
    Ref r;
    r.p_ = p;
    return r;
  }
  Ref(const Ref& o) : p_(o.p_) { retain(); }
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() { release(); }

  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  bool operator==(const Ref& o) const { return p_ == o.p_; }
  void reset() { *this = Ref(); }
  // As reset() of what no other thread can know yet: without a read-modify-write.
  void reset_unshared() {
    T* const p = detach();
    const int32_t rest = p->refs.load(std::memory_order_relaxed) - 1;
    p->refs.store(rest, std::memory_order_relaxed);
    if (rest == 0) T::destroy(p);
  }
  T* detach() { return std::exchange(p_, nullptr); }  // the caller owns the count

 private:
  void retain() {
    if (p_) p_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  void release() {
    T* const p = p_;
    if (!p) return;
    // A count of one is ours alone: nobody else can raise it, so no read-modify-write is needed.
    if (p->refs.load(std::memory_order_acquire) == 1 ||
        p->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
      T::destroy(p);
  }
  T* p_ = nullptr;
};

}  // namespace tinytorch
