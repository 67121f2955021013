// Graphs made here, whole and broken.
#include "tinytorch/onnx/model.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

NodeProto* add_node(ModelProto& m, const char* op, std::vector<const char*> inputs,
                    std::vector<const char*> outputs) {
  NodeProto* node = m.mutable_graph()->add_node();
  node->set_op_type(op);
  node->set_name(std::string("the_") + op);
  for (const char* name : inputs) node->add_input(name);
  for (const char* name : outputs) node->add_output(name);
  return node;
}

void add_value(::onnx::ValueInfoProto* value, const char* name, std::vector<int64_t> sizes) {
  value->set_name(name);
  auto* type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(TensorProto::FLOAT);
  type->mutable_shape();
  for (const int64_t size : sizes) {
    auto* dim = type->mutable_shape()->add_dim();
    if (size < 0)
      dim->set_dim_param("n");
    else
      dim->set_dim_value(size);
  }
}

TensorProto* add_weight(ModelProto& m, const char* name, std::vector<int64_t> sizes,
                        const std::vector<float>& values) {
  TensorProto* t = m.mutable_graph()->add_initializer();
  t->set_name(name);
  t->set_data_type(TensorProto::FLOAT);
  for (const int64_t size : sizes) t->add_dims(size);
  t->set_raw_data(values.data(), values.size() * sizeof(float));
  return t;
}

// y = relu(x w) + w's first row, x (n, 2); w is read twice.
ModelProto small_model() {
  ModelProto m;
  m.set_ir_version(7);
  m.add_opset_import()->set_version(13);
  add_value(m.mutable_graph()->add_input(), "x", {-1, 2});
  add_value(m.mutable_graph()->add_output(), "y", {-1, 2});
  add_weight(m, "w", {2, 2}, {1, -2, 3, 4});
  TensorProto* zero = m.mutable_graph()->add_initializer();
  zero->set_name("zero");
  zero->set_data_type(TensorProto::INT64);
  zero->add_int64_data(0);
  add_node(m, "MatMul", {"x", "w"}, {"h"});
  add_node(m, "Relu", {"h"}, {"r"});
  add_node(m, "Gather", {"w", "zero"}, {"row"});
  add_node(m, "Add", {"r", "row"}, {"y"});
  return m;
}

std::shared_ptr<onnx::Model> parse(const std::string& bytes) {
  return onnx::Model::parse(std::as_bytes(std::span(bytes)), "m.onnx");
}

template <class E>
std::string error_of(const ModelProto& m, const Tensor& x = ones({1, 2})) {
  try {
    parse(m.SerializeAsString())->run({&x, 1});
  } catch (const E& e) {
    return e.what();
  }
  ADD_FAILURE() << "no error of the expected kind";
  return "";
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(OnnxModel, runs_nodes_in_order_with_shared_weights_and_any_batch) {
  const auto model = parse(small_model().SerializeAsString());
  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].str(), "x f32 [?, 2]");
  const Tensor y = (*model)(Tensor::of({1, 1, -1, 0}, Shape{2, 2}));
  EXPECT_EQ(to_vector<float>(y), (std::vector<float>{5, 0, 1, 0}));
  EXPECT_EQ(model->forward(zeros({3, 2})).shape(), (Shape{3, 2}));
  EXPECT_FALSE(y.requires_grad());
}

TEST(OnnxModel, values_that_are_not_read_again_are_gone) {
  ModelProto m = small_model();
  m.mutable_graph()->mutable_node(3)->set_output(0, "v0");
  std::vector<std::string> names = {"v0"};
  for (int i = 1; i < 40; ++i) {
    names.push_back(names.back() + "'");
    add_node(m, "Neg", {names[names.size() - 2].c_str()}, {names.back().c_str()});
  }
  add_node(m, "Neg", {names.back().c_str()}, {"y"});
  const auto model = parse(m.SerializeAsString());
  const Tensor x = ones({1 << 17, 2});  // a MiB, as each value
  const int64_t before = memory_stats().live_bytes;
  reset_peak_memory();
  const Tensor y = model->run({&x, 1}).front();
  EXPECT_LE(memory_stats().peak_bytes - before, 4 << 20);
  EXPECT_EQ(memory_stats().live_bytes - before, 1 << 20);
}

TEST(OnnxModel, an_input_that_does_not_fit_is_named) {
  const std::string text = error_of<ShapeError>(small_model(), ones({1, 3}));
  EXPECT_SAYS(text, "m.onnx: input x f32 [?, 2] does not fit f32 [1, 3]");
  EXPECT_SAYS(error_of<ShapeError>(small_model(), ones({1, 2}, DType::kF64)), "f64 [1, 2]");
}

TEST(OnnxModel, errors_name_the_node) {
  ModelProto m = small_model();
  m.mutable_graph()->mutable_initializer(0)->set_dims(0, 4);
  m.mutable_graph()->mutable_initializer(0)->set_dims(1, 1);
  EXPECT_SAYS(error_of<ShapeError>(m), "m.onnx: node 'the_MatMul' (MatMul): matmul");
  m = small_model();
  m.mutable_graph()->mutable_node(1)->set_op_type("Wish");
  EXPECT_SAYS(error_of<onnx::Unsupported>(m), "(Wish): operator Wish: we do not have it");
  m = small_model();
  m.mutable_opset_import(0)->set_version(6);
  EXPECT_SAYS(error_of<onnx::Unsupported>(m), "operator Add of opset 6: we have it from opset 7");
  m = small_model();
  m.mutable_opset_import(0)->set_version(999);
  EXPECT_SAYS(error_of<onnx::Unsupported>(m), "opset 999 is newer than what we know");
  m = small_model();
  m.mutable_graph()->mutable_node(1)->set_domain("org.example");
  EXPECT_SAYS(error_of<onnx::Unsupported>(m), "domain org.example");
  m = small_model();
  auto* axis = m.mutable_graph()->mutable_node(2)->add_attribute();
  axis->set_name("axis");
  axis->set_type(::onnx::AttributeProto::STRING);
  EXPECT_SAYS(error_of<IoError>(m), "(Gather): attribute axis must be an integer");
}

TEST(OnnxModel, an_index_out_of_range_is_named_as_the_file_has_it) {
  ModelProto m = small_model();
  m.mutable_graph()->mutable_initializer(1)->set_int64_data(0, -9);
  EXPECT_SAYS(error_of<IndexError>(m), "index -9 (entry 0) is out of range");
  m.mutable_graph()->mutable_initializer(1)->set_int64_data(0, -2);  // counts from the end
  const Tensor x = ones({1, 2});
  const Tensor y = parse(m.SerializeAsString())->run({&x, 1}).front();
  EXPECT_EQ(to_vector<float>(y), (std::vector<float>{5, 0}));
}

TEST(OnnxModel, graphs_that_make_no_sense_are_refused) {
  ModelProto m = small_model();
  m.mutable_graph()->mutable_node(0)->set_input(0, "y");  // a cycle
  EXPECT_SAYS(error_of<IoError>(m), "reads 'y', which nothing before it gives");
  m = small_model();
  m.mutable_graph()->mutable_node(1)->set_output(0, "h");
  EXPECT_SAYS(error_of<IoError>(m), "'h' is given twice");
  m = small_model();
  m.mutable_graph()->mutable_output(0)->set_name("z");
  EXPECT_SAYS(error_of<IoError>(m), "output 'z' is given by no node");
  EXPECT_SAYS(error_of<IoError>(ModelProto()), "no ONNX model");
}

TEST(OnnxModel, weights_are_checked_against_what_is_there) {
  ModelProto m = small_model();
  TensorProto* w = m.mutable_graph()->mutable_initializer(0);
  w->set_dims(0, int64_t{1} << 40);
  EXPECT_SAYS(error_of<IoError>(m), "tensor 'w': raw_data has 16 bytes");
  w->set_dims(0, int64_t{1} << 62);
  EXPECT_SAYS(error_of<IoError>(m), "are no shape");
  w->set_dims(0, -2);
  EXPECT_SAYS(error_of<IoError>(m), "are no shape");
  w->set_dims(0, 2);
  w->set_data_type(TensorProto::FLOAT16);
  EXPECT_SAYS(error_of<onnx::Unsupported>(m), "element type float16");
  w->set_data_type(TensorProto::FLOAT);
  auto* entry = w->add_external_data();
  entry->set_key("location");
  entry->set_value("../../etc/passwd");
  w->set_data_location(TensorProto::EXTERNAL);
  EXPECT_SAYS(error_of<IoError>(m), "in another file, which is not read");
}

TEST(OnnxModel, sizes_from_a_file_ask_for_no_impossible_memory) {
  ModelProto m = small_model();
  auto* shape = m.mutable_graph()->mutable_initializer(1);
  shape->set_name("big");
  shape->add_dims(2);
  shape->set_int64_data(0, int64_t{1} << 40);
  shape->add_int64_data(int64_t{1} << 40);
  m.mutable_graph()->mutable_node()->DeleteSubrange(2, 2);
  add_node(m, "ConstantOfShape", {"big"}, {"row"});
  add_node(m, "Add", {"r", "row"}, {"y"});
  EXPECT_SAYS(error_of<IoError>(m), "is no shape");
}

// Cut or changed at any byte: a result or an error of ours, never a crash.
TEST(OnnxModel, damaged_files_are_refused_or_run) {
  const std::string whole = small_model().SerializeAsString();
  const Tensor x = ones({1, 2});
  int refused = 0;
  const auto attempt = [&](const std::string& bytes) {
    try {
      parse(bytes)->run({&x, 1});
    } catch (const Error&) {
      ++refused;
    }
  };
  for (size_t length = 0; length < whole.size(); ++length) attempt(whole.substr(0, length));
  EXPECT_EQ(refused, static_cast<int>(whole.size()));
  Generator random(7);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(random.integer(0, 256));
    attempt(changed);
  }
  EXPECT_GT(refused, static_cast<int>(whole.size()) * 5 / 4);
}

}  // namespace
}  // namespace tinytorch
