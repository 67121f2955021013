#include "tinytorch/onnx/export.h"

#include <algorithm>
#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/onnx/graph_builder.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

// sizes with names for what stays open: "batch", then "time".
void describe_value(::onnx::ValueInfoProto* value, const std::string& name, DType dtype,
                    const std::vector<int64_t>& sizes) {
  value->set_name(name);
  auto* type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx_of_dtype(dtype));
  type->mutable_shape()->add_dim()->set_dim_param("batch");
  for (const int64_t size : sizes) {
    auto* dim = type->mutable_shape()->add_dim();
    if (size < 0)
      dim->set_dim_param("time");
    else
      dim->set_dim_value(size);
  }
}

// A batch of `count`; what is open gets `open`. Tokens are 0 and 1, which every vocabulary has.
Tensor example(const ExportInput& input, int64_t count, int64_t open) {
  Shape shape{count};
  for (const int64_t size : input.sizes) shape.push_back(size < 0 ? open : size);
  Generator generator(1);
  if (!is_floating(input.dtype)) return randint(0, 2, shape, &generator).to(input.dtype);
  return randn(shape, input.dtype, &generator);
}

double largest(const Tensor& x) {
  double most = 0;
  for (const double v : to_vector<double>(x.to(DType::kF64)))
    most = std::isnan(v) ? v : std::max(most, std::abs(v));
  return most;
}

}  // namespace

ExportReport export_model(nn::Module& model, const ExportInput& input, const std::string& path) {
  const auto parameters = model.parameters();
  const DType dtype = parameters.empty() ? DType::kF32 : parameters.front().dtype();
  if (dtype != DType::kF32 && dtype != DType::kF64)
    raise<ConfigError>("onnx export: the weights are {}; f32 and f64 are exported.",
                       dtype_name(dtype));
  const nn::EvaluationMode evaluation(model);
  const NoGrad no_grad;
  const Tensor x = example(input, 2, 2), expected = model(x);

  ::onnx::ModelProto proto;
  proto.set_ir_version(7);  // of opset 13
  proto.set_producer_name("TinyTorch");
  proto.add_opset_import()->set_version(13);
  proto.mutable_graph()->set_name(model.kind());
  describe_value(proto.mutable_graph()->add_input(), input.name, input.dtype, input.sizes);
  GraphBuilder builder(proto, dtype);
  const Value result =
      write_module(builder, model, "", {input.name, static_cast<int>(input.sizes.size()) + 1});
  // The output has a fixed name, so that users need not know the last layer's.
  ::onnx::NodeProto* last = proto.mutable_graph()->add_node();
  last->set_op_type("Identity");
  last->set_name("output");
  last->add_input(result.name);
  last->add_output("logits");
  std::vector<int64_t> sizes(expected.shape().begin() + 1, expected.shape().end());
  const auto open = std::find(input.sizes.begin(), input.sizes.end(), -1);
  if (open != input.sizes.end() && !sizes.empty()) sizes.front() = -1;
  describe_value(proto.mutable_graph()->add_output(), "logits", expected.dtype(), sizes);

  std::string bytes;
  if (!proto.SerializeToString(&bytes))
    raise<ConfigError>("onnx export: the model is too large: files of ONNX end at 2 GiB.");
  const auto back = Model::parse(std::as_bytes(std::span(bytes)), path);
  const Tensor got = back->forward(x);
  ExportReport report{builder.nodes(), static_cast<int64_t>(bytes.size()), 0};
  if (!(got.shape() == expected.shape()))
    raise<ShapeError>("onnx export: the file gives {}, the network {}.", got.shape().str(),
                      expected.shape().str());
  report.max_difference = largest(got - expected);
  const double bound = dtype == DType::kF64 ? 1e-9 : 1e-4;
  if (!(report.max_difference <= bound * std::max(1.0, largest(expected))))
    raise<Error>("onnx export: the file's results differ from the network's by {}.",
                 report.max_difference);
  data::write_file_atomic(path, bytes);
  return report;
}

}  // namespace tinytorch::onnx
