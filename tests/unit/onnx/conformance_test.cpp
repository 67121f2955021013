// The judge of ONNX's tests: what it must not let pass.
#include "tinytorch/onnx/conformance.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "tinytorch/core/error.h"

namespace tinytorch {
namespace {

namespace fs = std::filesystem;
using onnx::TestResult;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <class Message>
void write(const fs::path& file, const Message& message) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << message.SerializeAsString();
}

::onnx::TensorProto numbers(const std::vector<float>& values) {
  ::onnx::TensorProto t;
  t.set_data_type(::onnx::TensorProto::FLOAT);
  t.add_dims(static_cast<int64_t>(values.size()));
  t.set_raw_data(values.data(), values.size() * sizeof(float));
  return t;
}

// A test of a network that gives back what it takes.
fs::path write_test(const std::string& name, const std::vector<float>& input,
                    const std::vector<float>& expected) {
  const fs::path folder = fs::path(testing::TempDir()) / "conformance_test" / name;
  ::onnx::ModelProto m;
  m.set_ir_version(7);
  m.add_opset_import()->set_version(13);
  const std::string x = "x", y = "y";
  const auto describe = [](::onnx::ValueInfoProto* value, const std::string& called) {
    value->set_name(called);
    value->mutable_type()->mutable_tensor_type()->set_elem_type(::onnx::TensorProto::FLOAT);
  };
  describe(m.mutable_graph()->add_input(), x);
  describe(m.mutable_graph()->add_output(), y);
  ::onnx::NodeProto* node = m.mutable_graph()->add_node();
  node->set_op_type("Identity");
  node->add_input(x);
  node->add_output(y);
  write(folder / "model.onnx", m);
  write(folder / "test_data_set_0" / "input_0.pb", numbers(input));
  write(folder / "test_data_set_0" / "output_0.pb", numbers(expected));
  return folder;
}

TestResult judged(const std::vector<float>& got, const std::vector<float>& expected) {
  return onnx::run_conformance_test(write_test("values", got, expected).string());
}

TEST(OnnxConformance, values_are_met_to_the_bound_of_onnx) {
  using State = TestResult::State;
  EXPECT_EQ(judged({1, 1000, 0}, {1.0005F, 1000.5F, 0}).state, State::kPassed);
  EXPECT_EQ(judged({1}, {1.002F}).state, State::kFailed);
}

TEST(OnnxConformance, an_infinity_or_nan_is_met_by_itself_alone) {
  using State = TestResult::State;
  EXPECT_EQ(judged({kInf, -kInf, kNan}, {kInf, -kInf, kNan}).state, State::kPassed);
  for (const float special : {kInf, -kInf, kNan})
    for (const float other : {kInf, -kInf, kNan, 0.0F, 3e38F}) {
      if (special == other || (std::isnan(special) && std::isnan(other))) continue;
      EXPECT_EQ(judged({0, other}, {0, special}).state, State::kFailed) << other << special;
      EXPECT_EQ(judged({0, special}, {0, other}).state, State::kFailed) << special << other;
    }
  EXPECT_EQ(judged({0, 7}, {0, kInf}).reason, "data set 0, output 0: 7 instead of inf at 1");
}

TEST(OnnxConformance, a_test_without_its_model_fails) {
  const fs::path folder = fs::path(testing::TempDir()) / "conformance_test";
  fs::remove_all(folder);
  write_test("test_a", {1}, {1});
  fs::remove(write_test("test_b", {1}, {1}) / "model.onnx");
  const auto results = onnx::run_conformance(folder.string());
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].state, TestResult::State::kPassed);
  EXPECT_EQ(results[1].name, "test_b");
  EXPECT_EQ(results[1].state, TestResult::State::kFailed);
  EXPECT_NE(results[1].reason.find("model.onnx is missing"), std::string::npos);
  fs::remove_all(folder);
  EXPECT_THROW(onnx::run_conformance(folder.string()), IoError);
}

}  // namespace
}  // namespace tinytorch
