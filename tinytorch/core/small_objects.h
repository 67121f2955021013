#pragma once
// Memory for the small objects that come and go with every operation: a tensor's header, a node of
// the graph. Each thread keeps what it frees for its next request of that size, which costs a tenth
// of what malloc does. Internal.
#include <cstddef>

#include "tinytorch/core/poison.h"

namespace tinytorch {

inline constexpr size_t kSmallObjectStep = 64, kSmallObjectClasses = 12;  // kept up to 768 bytes

// The free objects of one thread: a stack for each class of sizes. Trivial, so that it costs no
// check to reach and still works while static objects are destroyed.
struct SmallObjects {
  struct Free {
    Free* next;
  };
  struct Stack {
    Free* top;
    int room;  // how many more it may take
  };
  Stack of_class[kSmallObjectClasses];
  bool watched;  // the end of this thread will free them, or has done so
};
extern thread_local constinit SmallObjects t_small_objects;

void* new_small_slowly(size_t bytes);
void delete_small_slowly(void* memory, size_t bytes) noexcept;

// As operator new and operator delete. (Under AddressSanitizer nothing is kept: it then finds every
// use of an object that is gone.)
inline void* new_small(size_t bytes) {
  const size_t c = (bytes - 1) / kSmallObjectStep;
  if (kPoisoning || c >= kSmallObjectClasses) return new_small_slowly(bytes);
  SmallObjects::Stack& stack = t_small_objects.of_class[c];
  SmallObjects::Free* object = stack.top;
  if (!object) return new_small_slowly(bytes);
  stack.top = object->next;
  ++stack.room;
  return object;
}

inline void delete_small(void* memory, size_t bytes) noexcept {
  const size_t c = (bytes - 1) / kSmallObjectStep;
  if (kPoisoning || c >= kSmallObjectClasses) return delete_small_slowly(memory, bytes);
  SmallObjects::Stack& stack = t_small_objects.of_class[c];
  if (stack.room == 0) return delete_small_slowly(memory, bytes);
  auto* object = static_cast<SmallObjects::Free*>(memory);
  object->next = stack.top;
  stack.top = object;
  --stack.room;
}

}  // namespace tinytorch
