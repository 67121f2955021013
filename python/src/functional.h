#pragma once
// What the files of nn.functional share: Python's ways to say options.
#include <string>

#include "python/src/binding.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::python {

using Optional = const std::optional<Tensor>&;

// A size for both directions or one for each.
void set_pair(int64_t (&pair)[2], const Shape& given, const char* op, const char* name);
Reduction reduction_from(const std::string& name);  // "mean", "sum", "none"

void bind_more_functional(py::module_& m);

}  // namespace tinytorch::python
