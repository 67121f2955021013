#include "tinytorch/core/tensor.h"

#include <gtest/gtest.h>

#include "tinytorch/core/error.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

TEST(Tensor, AnUndefinedOneIsAnErrorWhereverItIsUsed) {
  const Tensor none, x = ones({2});
  const auto text_of = [](const auto& use) {
    try {
      use();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  for (const std::string& text :
       {text_of([&] { static_cast<void>(x + none); }),
        text_of([&] { static_cast<void>(none * x); }), text_of([&] { relu(none); }),
        text_of([&] { matmul(none, x); }), text_of([&] { static_cast<void>(none.view({2})); }),
        text_of([&] { none.backward(); }), text_of([&] { static_cast<void>(none.dim()); })})
    EXPECT_NE(text.find("undefined"), std::string::npos) << text;
}

}  // namespace
}  // namespace tinytorch
