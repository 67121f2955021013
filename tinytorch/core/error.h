#pragma once
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

namespace tinytorch {

// The one family of exceptions. The text names the operation, every argument that takes part, the
// two numbers that disagree, and what to do ("Hint: ..."). Build texts with raise<E>() of
// core/format.h, which keeps formatting out of the hot path.
class Error : public std::exception {
 public:
  explicit Error(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

  // Adds where in a network the operation ran: "linear: ..." becomes "linear (fc1): ...", then
  // "linear (encoder.fc1): ..." one module further out. A text that names no operation stays.
  void add_module(const std::string& name) {
    if (at_ == 0) {
      const size_t colon = text_.find_first_of(":.,'");
      if (colon == std::string::npos || text_[colon] != ':') return;
      at_ = colon;
      text_.insert(at_, " ()");
      at_ += 2;
      text_.insert(at_, name);
    } else {
      text_.insert(at_, name + ".");
    }
  }

 private:
  std::string text_;
  size_t at_ = 0;  // where the module path begins; 0: none yet
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
TINYTORCH_ERROR_CLASS(MemoryError);     // the system has no more memory
TINYTORCH_ERROR_CLASS(NotImplemented);  // an unwritten task of the lab, or a missing kernel
#undef TINYTORCH_ERROR_CLASS

// For an unwritten task that destructors reach, where a throw would end the process: `text`, which
// must live on, is kept for whoever asks (the first one of this process; the lab's tests do).
void note_not_implemented(const char* text) noexcept;
const char* take_not_implemented() noexcept;  // nullptr when there is none; forgets it

}  // namespace tinytorch

namespace tt = tinytorch;
