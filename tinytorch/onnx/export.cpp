#include "tinytorch/onnx/export.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/onnx/graph_builder.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

// A size, or the name of one that stays open.
struct Size {
  int64_t value = -1;
  std::string name;
};

void describe_value(::onnx::ValueInfoProto* value, const std::string& name, DType dtype,
                    const std::vector<Size>& sizes) {
  value->set_name(name);
  auto* type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx_of_dtype(dtype));
  type->mutable_shape()->add_dim()->set_dim_param("batch");
  for (const Size& size : sizes) {
    auto* dim = type->mutable_shape()->add_dim();
    if (size.value < 0)
      dim->set_dim_param(size.name);
    else
      dim->set_dim_value(size.value);
  }
}

// Metadata: a list of numbers as JSON.
void note(::onnx::ModelProto& proto, const char* key, const std::vector<double>& numbers) {
  if (numbers.empty()) return;
  auto* entry = proto.add_metadata_props();
  entry->set_key(key);
  entry->set_value(format_text("[{}]", joined(numbers)));
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

// A batch and what the network gives for it; two of different lengths when a size is open.
struct Example {
  Tensor x, expected;
  int64_t length;
};
std::vector<Example> run_examples(nn::Module& model, const ExportInput& input) {
  std::vector<int64_t> lengths = {input.length};
  if (std::count(input.sizes.begin(), input.sizes.end(), -1) > 0)
    lengths.push_back(input.length > 1 ? input.length - 1 : 2);
  std::vector<Example> examples;
  for (const int64_t length : lengths) {
    const Tensor x = example(input, 2, length);
    examples.push_back({x, model(x), length});
  }
  const Example &first = examples.front(), &last = examples.back();
  if (first.expected.dim() != last.expected.dim() || first.expected.dim() < 1)
    raise<ShapeError>("onnx export: the network gives {} and {} for {} and {}.",
                      first.expected.shape().str(), last.expected.shape().str(),
                      first.x.shape().str(), last.x.shape().str());
  return examples;
}

std::vector<Size> input_sizes(const ExportInput& input) {
  std::vector<Size> sizes;
  for (const int64_t size : input.sizes) sizes.push_back({size, "time"});
  return sizes;
}

// Those of a result, but for the batch: open where two lengths of the input give two sizes.
std::vector<Size> output_sizes(const std::vector<Example>& examples) {
  const Example &a = examples.front(), &b = examples.back();
  std::vector<Size> sizes;
  for (int d = 1; d < a.expected.dim(); ++d) {
    const int64_t size = a.expected.size(d), other = b.expected.size(d);
    const bool same = size == a.length && other == b.length;  // as the input's
    sizes.push_back({size == other ? size : -1, same ? "time" : format_text("time_of_{}", d)});
  }
  return sizes;
}

// The largest difference between the file's results and the network's, and the largest result.
std::pair<double, double> compare(Model& file, const std::vector<Example>& examples) {
  double difference = 0, most = 0;
  for (const Example& e : examples) {
    const Tensor got = file.forward(e.x);
    if (!(got.shape() == e.expected.shape()))
      raise<ShapeError>("onnx export: the file gives {}, the network {}.", got.shape().str(),
                        e.expected.shape().str());
    const double here = largest(got - e.expected);
    if (std::isnan(here) || here > difference) difference = here;  // NaN stays
    most = std::max(most, largest(e.expected));
  }
  return {difference, most};
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
  const std::vector<Example> examples = run_examples(model, input);

  ::onnx::ModelProto proto;
  proto.set_ir_version(7);  // of opset 13
  proto.set_producer_name("TinyTorch");
  proto.add_opset_import()->set_version(13);
  proto.mutable_graph()->set_name(model.kind());
  describe_value(proto.mutable_graph()->add_input(), input.name, input.dtype, input_sizes(input));
  note(proto, kMeanKey, input.mean);
  note(proto, kDeviationKey, input.deviation);
  GraphBuilder builder(proto, dtype);
  const Value result =
      write_module(builder, model, "", {input.name, static_cast<int>(input.sizes.size()) + 1});
  // The output has a fixed name, so that users need not know the last layer's.
  ::onnx::NodeProto* last = proto.mutable_graph()->add_node();
  last->set_op_type("Identity");
  last->set_name("output");
  last->add_input(result.name);
  last->add_output("logits");
  describe_value(proto.mutable_graph()->add_output(), "logits", examples.front().expected.dtype(),
                 output_sizes(examples));

  std::string bytes;
  if (!proto.SerializeToString(&bytes))
    raise<ConfigError>("onnx export: the model is too large: files of ONNX end at 2 GiB.");
  const auto back = Model::parse(std::as_bytes(std::span(bytes)), path);
  const auto [difference, most] = compare(*back, examples);
  const ExportReport report{builder.nodes(), static_cast<int64_t>(bytes.size()), difference};
  // In f64 an attribute, which is a float32 in the file, is off by up to 6e-8 of itself.
  const auto& rounded = builder.rounded_layers();
  const double bound = dtype != DType::kF64 ? 1e-4 : rounded.empty() ? 1e-9 : 1e-6;
  if (!(difference <= bound * std::max(1.0, most)))
    raise<Error>("onnx export: the file's results differ from the network's by {}{}.", difference,
                 rounded.empty() ? std::string()
                                 : ". Numbers that ONNX rounds to float32: " + joined(rounded));
  data::write_file_atomic(path, bytes);
  return report;
}

}  // namespace tinytorch::onnx
