#pragma once
#include <stdexcept>
#include <string>

namespace tinytorch {

// The one family of exceptions. The text names the operation, every argument that takes part, the
// two numbers that disagree, and what to do ("Hint: ..."). Build texts with raise<E>() of
// core/format.h, which keeps formatting out of the hot path.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

#define TINYTORCH_ERROR_CLASS(Name) \
  class Name : public Error {       \
   public:                          \
    using Error::Error;             \
  }
TINYTORCH_ERROR_CLASS(ShapeError);      // sizes that do not fit together
TINYTORCH_ERROR_CLASS(DTypeError);      // an operation that does not exist for these dtypes
TINYTORCH_ERROR_CLASS(IndexError);      // an index, label or dimension out of range
TINYTORCH_ERROR_CLASS(GradError);       // misuse of autograd
TINYTORCH_ERROR_CLASS(IoError);         // a file that cannot be read, written or trusted
TINYTORCH_ERROR_CLASS(ConfigError);     // a wrong key, value or option given by the user
TINYTORCH_ERROR_CLASS(NotImplemented);  // an unwritten task of the lab, or a missing kernel
#undef TINYTORCH_ERROR_CLASS

}  // namespace tinytorch

namespace tt = tinytorch;
