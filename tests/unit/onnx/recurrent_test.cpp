// LSTM, GRU and RNN where ONNX's own tests do not reach: lengths, directions, odd attributes.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "tinytorch/core/random.h"
#include "tinytorch/onnx/model.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

using ::onnx::TensorProto;

constexpr int64_t kIn = 3, kHidden = 4;

void describe(::onnx::ValueInfoProto* value, const char* name, int type) {
  value->set_name(name);
  value->mutable_type()->mutable_tensor_type()->set_elem_type(type);
}

void add_weight(::onnx::ModelProto& m, const char* name, const Tensor& x) {
  TensorProto* t = m.mutable_graph()->add_initializer();
  t->set_name(name);
  t->set_data_type(TensorProto::FLOAT);
  for (const int64_t size : x.shape()) t->add_dims(size);
  t->set_raw_data(x.raw_data(), static_cast<size_t>(x.numel()) * sizeof(float));
}

// One node over X (t, n, 3), with or without the lengths of its sequences.
::onnx::ModelProto model_of(const char* op, int64_t gates, const std::string& direction,
                            bool lengths) {
  ::onnx::ModelProto m;
  m.set_ir_version(7);
  m.add_opset_import()->set_version(14);
  auto* graph = m.mutable_graph();
  describe(graph->add_input(), "X", TensorProto::FLOAT);
  if (lengths) describe(graph->add_input(), "lengths", TensorProto::INT32);
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  Generator g(5);
  add_weight(m, "W", randn({directions, gates * kHidden, kIn}, DType::kF32, &g));
  add_weight(m, "R", randn({directions, gates * kHidden, kHidden}, DType::kF32, &g));
  add_weight(m, "B", randn({directions, 2 * gates * kHidden}, DType::kF32, &g));
  auto* node = graph->add_node();
  node->set_op_type(op);
  node->set_name("cell");
  for (const char* name : {"X", "W", "R", "B", lengths ? "lengths" : ""}) node->add_input(name);
  for (const char* name : {"Y", "Y_h"}) {
    node->add_output(name);
    describe(graph->add_output(), name, TensorProto::FLOAT);
  }
  auto* attribute = node->add_attribute();
  attribute->set_name("direction");
  attribute->set_type(::onnx::AttributeProto::STRING);
  attribute->set_s(direction);
  return m;
}

std::vector<Tensor> run(const ::onnx::ModelProto& m, const std::vector<Tensor>& inputs) {
  const std::string bytes = m.SerializeAsString();
  return onnx::Model::parse(std::as_bytes(std::span(bytes)), "m.onnx")->run(inputs);
}

std::vector<float> values(const Tensor& x) {
  return to_vector<float>(x.contiguous());
}

struct Kind {
  const char* op;
  int64_t gates;
};

TEST(OnnxRecurrent, a_shorter_sequence_gives_what_it_gives_alone_and_zeros_behind) {
  const Tensor x = randn({5, 2, kIn});
  const Tensor lengths = Tensor::of({5, 3}, Shape{2}, DType::kI32);
  for (const Kind kind : {Kind{"LSTM", 4}, Kind{"GRU", 3}, Kind{"RNN", 1}})
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      SCOPED_TRACE(std::string(kind.op) + " " + direction);
      const auto with = run(model_of(kind.op, kind.gates, direction, true), {x, lengths});
      const auto alone = model_of(kind.op, kind.gates, direction, false);
      const auto whole = run(alone, {x.narrow(1, 0, 1).contiguous()});
      const auto part = run(alone, {x.narrow(1, 1, 1).narrow(0, 0, 3).contiguous()});
      EXPECT_EQ(values(with[0].narrow(2, 0, 1)), values(whole[0]));
      EXPECT_EQ(values(with[0].narrow(2, 1, 1).narrow(0, 0, 3)), values(part[0]));
      for (const float v : values(with[0].narrow(2, 1, 1).narrow(0, 3, 2))) EXPECT_EQ(v, 0);
      EXPECT_EQ(values(with[1].narrow(1, 0, 1)), values(whole[1]));
      EXPECT_EQ(values(with[1].narrow(1, 1, 1)), values(part[1]));
    }
}

TEST(OnnxRecurrent, a_reversed_sequence_is_the_sequence_from_its_end) {
  const Tensor x = randn({2, 1, kIn});
  const Tensor turned = index_select(x, 0, from_vector(std::vector<int64_t>{1, 0}, {2}));
  const auto forward = run(model_of("GRU", 3, "forward", false), {x});
  const auto reverse = run(model_of("GRU", 3, "reverse", false), {turned});
  EXPECT_EQ(values(forward[1]), values(reverse[1]));
  EXPECT_NE(values(forward[0].select(0, 0)), values(reverse[0].select(0, 0)));
}

template <class E>
std::string error_of(const ::onnx::ModelProto& m, const Tensor& x) {
  try {
    run(m, {x});
  } catch (const E& e) {
    return e.what();
  }
  ADD_FAILURE() << "no error of the expected kind";
  return "";
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(OnnxRecurrent, what_does_not_fit_is_named) {
  const Tensor x = randn({5, 2, kIn});
  const auto good = model_of("LSTM", 4, "forward", false);
  EXPECT_SAYS(error_of<ShapeError>(good, randn({5, 2, 7})), "W [1, 16, 3] must be [1, 16, 7]");
  EXPECT_SAYS(error_of<ShapeError>(good, randn({0, 2, kIn})), "at least one time");
  EXPECT_SAYS(error_of<IoError>(model_of("LSTM", 4, "sideways", false), x), "'sideways'");
  auto m = good;
  auto* attribute = m.mutable_graph()->mutable_node(0)->add_attribute();
  attribute->set_name("activations");
  attribute->set_type(::onnx::AttributeProto::STRINGS);
  for (const char* name : {"Sigmoid", "Affine", "Tanh"}) attribute->add_strings(name);
  EXPECT_SAYS(error_of<onnx::Unsupported>(m, x), "activation Affine");
  attribute->mutable_strings()->RemoveLast();
  EXPECT_SAYS(error_of<IoError>(m, x), "3 a direction are needed");
}

}  // namespace
}  // namespace tinytorch
