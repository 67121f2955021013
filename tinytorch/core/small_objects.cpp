#include "tinytorch/core/small_objects.h"

#include <new>

namespace tinytorch {

thread_local constinit SmallObjects t_small_objects = {};

namespace {

constexpr int kKept = 1024;  // of each class; a thread that only frees does not collect without end

struct AtThreadEnd {
  ~AtThreadEnd() {
    for (SmallObjects::Stack& stack : t_small_objects.of_class) {
      while (SmallObjects::Free* object = stack.top) {
        stack.top = object->next;
        ::operator delete(object);
      }
      stack.room = 0;
    }
  }
};

// Gives the stacks their room when this thread needs them first. False when there is none left.
bool make_room() {
  if (t_small_objects.watched) return false;
  static thread_local AtThreadEnd at_end;
  static_cast<void>(at_end);
  t_small_objects.watched = true;
  for (SmallObjects::Stack& stack : t_small_objects.of_class) stack.room = kKept;
  return true;
}

bool is_kept(size_t bytes) {
  return !kPoisoning && bytes <= kSmallObjectClasses * kSmallObjectStep;
}

}  // namespace

void* new_small_slowly(size_t bytes) {
  // The whole size of its class: another object of the class may take it later.
  const size_t whole = (bytes + kSmallObjectStep - 1) / kSmallObjectStep * kSmallObjectStep;
  return ::operator new(is_kept(bytes) ? whole : bytes);
}

void delete_small_slowly(void* memory, size_t bytes) noexcept {
  if (is_kept(bytes) && make_room()) return delete_small(memory, bytes);
  ::operator delete(memory);
}

}  // namespace tinytorch
