// Operators where ONNX's own tests do not reach.
#include <gtest/gtest.h>

#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

using onnx::Attribute;
using Kind = Attribute::Kind;

Attribute whole(const char* name, int64_t value) {
  Attribute a;
  a.name = name, a.kind = Kind::kInt, a.integer = value;
  return a;
}
Attribute real(const char* name, double value) {
  Attribute a;
  a.name = name, a.kind = Kind::kFloat, a.real = value;
  return a;
}
Attribute text(const char* name, const char* value) {
  Attribute a;
  a.name = name, a.kind = Kind::kText, a.text = value;
  return a;
}
Attribute wholes(const char* name, std::vector<int64_t> values) {
  Attribute a;
  a.name = name, a.kind = Kind::kInts, a.integers = std::move(values);
  return a;
}

Tensor run(const char* op, const std::vector<Tensor>& inputs,
           const std::vector<Attribute>& attributes) {
  constexpr int64_t kOpset = 19;
  return onnx::find_row(op, kOpset).run(onnx::Node(attributes, inputs, kOpset, 1)).front();
}

template <class E>
std::string error_of(const char* op, const std::vector<Tensor>& inputs,
                     const std::vector<Attribute>& attributes) {
  try {
    run(op, inputs, attributes);
  } catch (const E& e) {
    return e.what();
  }
  ADD_FAILURE() << "no error of the expected kind";
  return "";
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(OnnxRows, a_resize_takes_attributes_that_say_what_holds_without_them) {
  const Tensor x = arange(12).to(DType::kF32).view({1, 1, 3, 4});
  const std::vector<Tensor> inputs = {x, Tensor(), Tensor::of({1, 1, 2, 1.5}, Shape{4})};
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    SCOPED_TRACE(mode);
    const Tensor expected = run("Resize", inputs, {text("mode", mode)});
    const Tensor y = run("Resize", inputs,
                         {text("mode", mode), whole("antialias", 0), wholes("axes", {0, 1, -2, 3}),
                          text("keep_aspect_ratio_policy", "stretch"), whole("exclude_outside", 0),
                          real("cubic_coeff_a", -0.75), real("extrapolation_value", 0),
                          text("coordinate_transformation_mode", "half_pixel"),
                          text("nearest_mode", "round_prefer_floor")});
    EXPECT_EQ(y.shape(), (Shape{1, 1, 6, 6}));
    EXPECT_EQ(to_vector<float>(y), to_vector<float>(expected));
    for (const Attribute& other :
         {whole("antialias", 1), wholes("axes", {2, 3}), wholes("axes", {0, 1, 3, 2}),
          text("keep_aspect_ratio_policy", "not_larger")})
      EXPECT_SAYS(error_of<onnx::Unsupported>("Resize", inputs, {text("mode", mode), other}),
                  "attribute " + other.name);
  }
}

// As NumPy, by which ONNX defines it; ONNX has it for unsigned numbers, files may say otherwise.
TEST(OnnxRows, bits_that_are_shifted_by_the_width_or_more_are_gone) {
  const auto shifted = [](const char* direction, DType dtype, const std::vector<int64_t>& a,
                          const std::vector<int64_t>& b) {
    const auto tensor = [&](const std::vector<int64_t>& values) {
      return from_vector(values, {static_cast<int64_t>(values.size())}).to(dtype);
    };
    return to_vector<int64_t>(
        run("BitShift", {tensor(a), tensor(b)}, {text("direction", direction)}).to(DType::kI64));
  };
  using Numbers = std::vector<int64_t>;
  const Numbers byte_amounts = {1, 7, 8, 9, 63, 64, 200};
  EXPECT_EQ(shifted("LEFT", DType::kU8, Numbers(7, 131), byte_amounts),
            (Numbers{6, 128, 0, 0, 0, 0, 0}));
  EXPECT_EQ(shifted("RIGHT", DType::kU8, Numbers(7, 131), byte_amounts),
            (Numbers{65, 1, 0, 0, 0, 0, 0}));
  const Numbers amounts = {1, 31, 32, 63, 64, 200};
  EXPECT_EQ(shifted("LEFT", DType::kI32, Numbers(6, 3), amounts),
            (Numbers{6, -(int64_t{1} << 31), 0, 0, 0, 0}));
  EXPECT_EQ(shifted("RIGHT", DType::kI32, Numbers(6, 3), amounts), (Numbers{1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(shifted("RIGHT", DType::kI64, Numbers(6, -6), amounts),
            (Numbers{-3, -1, -1, -1, -1, -1}));  // the sign is in every bit that comes in
  for (const char* direction : {"LEFT", "RIGHT"})
    EXPECT_SAYS(error_of<IoError>("BitShift",
                                  {Tensor::of({1, 1}, Shape{2}, DType::kI64),
                                   Tensor::of({1, -1}, Shape{2}, DType::kI64)},
                                  {text("direction", direction)}),
                "shift by -1");
}

}  // namespace
}  // namespace tinytorch
