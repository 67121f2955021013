#include "modules/harness/reach.h"

#include <cstdio>
#include <cstdlib>

unsigned char tinytorch_reached[tinytorch::check::kMaxReached];

namespace {

struct AtEnd {
  ~AtEnd() {
    const char* path = std::getenv("TITO_REACHED");
    FILE* file = path ? std::fopen(path, "w") : nullptr;
    if (!file) return;
    for (int i = 0; i < tinytorch::check::kMaxReached; ++i)
      if (tinytorch_reached[i]) std::fprintf(file, "%d\n", i);
    std::fclose(file);
  }
};
const AtEnd at_end;

}  // namespace
