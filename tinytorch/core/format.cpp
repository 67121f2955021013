#include "tinytorch/core/format.h"

#include <fmt/args.h>
#include <fmt/format.h>

namespace tinytorch {

std::string format_args(std::string_view pattern, std::initializer_list<FormatArg> args) {
  fmt::dynamic_format_arg_store<fmt::format_context> store;
  for (const FormatArg& arg : args) {
    switch (arg.kind) {
      case FormatArg::Kind::kInt:
        store.push_back(arg.whole);
        break;
      case FormatArg::Kind::kUnsigned:
        store.push_back(static_cast<uint64_t>(arg.whole));
        break;
      case FormatArg::Kind::kDouble:
        store.push_back(arg.real);
        break;
      case FormatArg::Kind::kBool:
        store.push_back(arg.whole != 0);
        break;
      case FormatArg::Kind::kChar:
        store.push_back(static_cast<char>(arg.whole));
        break;
      case FormatArg::Kind::kText:
        store.push_back(arg.text);
        break;
    }
  }
  return fmt::vformat(pattern, store);
}

}  // namespace tinytorch
