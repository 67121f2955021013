// A graph as a list of bound functions over numbered values, and its execution.
#include "tinytorch/onnx/model.h"

#include <limits>
#include <unordered_map>

#include "tinytorch/core/autograd.h"
#include "tinytorch/data/file.h"
#include "tinytorch/onnx/proto.h"

namespace tinytorch::onnx {

namespace {

// The newest opset whose changes the rows follow: in a later one an operator of the same name may
// compute something else.
constexpr int64_t kNewestOpset = 23;

struct Step {
  std::string name;  // "node 'conv1' (Conv)"
  const OpRow* row = nullptr;
  std::vector<Attribute> attributes;
  std::vector<int> inputs, outputs;  // numbers of values; -1: left out
  std::vector<int> last;             // values that nobody reads after this step
};

}  // namespace

struct Model::Graph {
  std::string name;  // the file's
  int64_t opset = 0;
  std::vector<ValueInfo> inputs, outputs;
  std::map<std::string, std::string> metadata;
  std::vector<int> input_slots, output_slots;
  Tensors constants;  // by number; undefined but for initializers
  std::vector<Step> steps;

  template <class E>
  [[noreturn]] void fail(const std::string& what) const {
    raise<E>("{}: {}.", name, what);
  }
  void build(const ::onnx::ModelProto& proto);
  Step bind(const ::onnx::NodeProto& node, int index);
  void find_last_uses();
  void check_input(const ValueInfo& info, const Tensor& x) const;
  int slot(const std::string& value) const {
    const auto found = slots.find(value);
    return found == slots.end() ? -1 : found->second;
  }
  int new_slot(const std::string& value) {
    constants.emplace_back();
    const int number = static_cast<int>(constants.size()) - 1;
    if (!slots.emplace(value, number).second)
      fail<IoError>(format_text("value '{}' is given twice", value));
    return number;
  }

 private:
  std::unordered_map<std::string, int> slots;  // only while building
};

std::string ValueInfo::str() const {
  std::string text = format_text("{} {}", name, dtype_name(dtype));
  if (!has_shape) return text;
  std::string list;
  for (const int64_t size : sizes)
    list += (list.empty() ? "" : ", ") + (size < 0 ? std::string("?") : std::to_string(size));
  return text + " [" + list + "]";
}

Step Model::Graph::bind(const ::onnx::NodeProto& node, int index) {
  Step step;
  step.name = node.name().empty() ? format_text("node {} ({})", index, node.op_type())
                                  : format_text("node '{}' ({})", node.name(), node.op_type());
  if (!node.domain().empty() && node.domain() != "ai.onnx")
    raise<Unsupported>("{}: {}: operators of domain {} are not ours.", name, step.name,
                       node.domain());
  try {
    step.row = &find_row(node.op_type(), opset);
    for (const auto& a : node.attribute()) {
      if (!a.ref_attr_name().empty()) raise<IoError>("attribute {} has no value", a.name());
      step.attributes.push_back(onnx::from_proto(a));
    }
  } catch (const MemoryError&) {
    throw;
  } catch (const Unsupported& e) {
    raise<Unsupported>("{}: {}: {}.", name, step.name, e.what());
  } catch (const Error& e) {
    raise<IoError>("{}: {}: {}.", name, step.name, e.what());
  }
  for (const std::string& input : node.input()) {
    const int number = input.empty() ? -1 : slot(input);
    if (!input.empty() && number < 0)
      fail<IoError>(format_text(
          "{} reads '{}', which nothing before it gives (a cycle, or nodes out of order)",
          step.name, input));
    step.inputs.push_back(number);
  }
  for (const std::string& output : node.output())
    step.outputs.push_back(output.empty() ? -1 : new_slot(output));
  return step;
}

// Backwards: the first reader that is met is the last one.
void Model::Graph::find_last_uses() {
  std::vector<bool> needed(constants.size(), false);
  for (const int number : output_slots) needed[static_cast<size_t>(number)] = true;
  for (size_t i = steps.size(); i-- > 0;) {
    const auto note = [&](const std::vector<int>& list) {
      for (const int number : list) {
        if (number < 0 || needed[static_cast<size_t>(number)]) continue;
        needed[static_cast<size_t>(number)] = true;
        if (!constants[static_cast<size_t>(number)].defined()) steps[i].last.push_back(number);
      }
    };
    note(steps[i].inputs);
    note(steps[i].outputs);  // of which nobody reads some
  }
}

void Model::Graph::build(const ::onnx::ModelProto& proto) {
  for (const auto& import : proto.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = import.version();
  if (!proto.has_graph() || proto.graph().output_size() == 0)
    fail<IoError>("this is no ONNX model: it has no graph with outputs");
  if (proto.opset_import_size() == 0) fail<IoError>("this is no ONNX model: it names no opset");
  if (opset > kNewestOpset)
    fail<Unsupported>(
        format_text("opset {} is newer than what we know, which ends at {}. Hint: export the model "
                    "in an older one, or convert it (onnx.version_converter)",
                    opset, kNewestOpset));
  for (const auto& entry : proto.metadata_props()) metadata[entry.key()] = entry.value();
  const ::onnx::GraphProto& graph = proto.graph();
  if (graph.sparse_initializer_size() > 0) fail<Unsupported>("sparse weights: we do not have them");
  try {
    for (const auto& tensor : graph.initializer()) {
      const int number = new_slot(tensor.name());
      constants[static_cast<size_t>(number)] = onnx::from_proto(tensor);
    }
    for (const auto& value : graph.input()) {
      if (slot(value.name()) >= 0) continue;  // it has a value: nobody needs to give one
      inputs.push_back(onnx::from_proto(value));
      input_slots.push_back(new_slot(value.name()));
    }
    for (const auto& value : graph.output()) outputs.push_back(onnx::from_proto(value));
  } catch (const Unsupported& e) {
    fail<Unsupported>(e.what());
  } catch (const IoError& e) {
    if (std::string_view(e.what()).starts_with(name)) throw;
    fail<IoError>(e.what());
  }
  for (const auto& node : graph.node()) steps.push_back(bind(node, static_cast<int>(steps.size())));
  for (const ValueInfo& value : outputs) {
    output_slots.push_back(slot(value.name));
    if (output_slots.back() < 0)
      fail<IoError>(format_text("output '{}' is given by no node", value.name));
  }
  find_last_uses();
  slots.clear();
}

void Model::Graph::check_input(const ValueInfo& info, const Tensor& x) const {
  bool fits = x.defined() && x.dtype() == info.dtype;
  if (fits && info.has_shape) {
    fits = x.dim() == static_cast<int>(info.sizes.size());
    for (int d = 0; fits && d < x.dim(); ++d) {
      const int64_t size = info.sizes[static_cast<size_t>(d)];
      fits = size < 0 || size == x.shape()[d];
    }
  }
  if (fits) return;
  const std::string found =
      x.defined() ? format_text("{} {}", dtype_name(x.dtype()), x.shape().str()) : "nothing";
  raise<ShapeError>("{}: input {} does not fit {}.", name, info.str(), found);
}

Model::Model(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {
  train(false);
}
Model::~Model() = default;

std::shared_ptr<Model> Model::parse(std::span<const std::byte> bytes, const std::string& name) {
  ::onnx::ModelProto proto;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    raise<IoError>("{}: this is no ONNX model, or it is damaged.", name);
  auto graph = std::make_unique<Graph>();
  graph->name = name;
  graph->build(proto);
  return std::shared_ptr<Model>(new Model(std::move(graph)));
}

std::shared_ptr<Model> Model::load(const std::string& path) {
  return parse(data::read_file(path), path);
}

const std::vector<ValueInfo>& Model::inputs() const {
  return graph_->inputs;
}
const std::vector<ValueInfo>& Model::outputs() const {
  return graph_->outputs;
}

const std::map<std::string, std::string>& Model::metadata() const {
  return graph_->metadata;
}

std::string Model::describe() const {
  return format_text("{} nodes, opset {}", graph_->steps.size(), graph_->opset);
}

std::vector<Tensor> Model::run(std::span<const Tensor> inputs) const {
  const Graph& g = *graph_;
  if (inputs.size() != g.inputs.size())
    raise<ShapeError>("{}: takes {} inputs, not {}.", g.name, g.inputs.size(), inputs.size());
  const NoGrad no_grad;
  Tensors values = g.constants;
  for (size_t i = 0; i < inputs.size(); ++i) {
    g.check_input(g.inputs[i], inputs[i]);
    values[static_cast<size_t>(g.input_slots[i])] = inputs[i];
  }
  Tensors arguments;
  for (const Step& step : g.steps) {
    arguments.clear();
    for (const int number : step.inputs)
      arguments.push_back(number < 0 ? Tensor() : values[static_cast<size_t>(number)]);
    try {
      Tensors results = step.row->run(
          Node(step.attributes, arguments, g.opset, static_cast<int>(step.outputs.size())));
      for (size_t i = 0; i < step.outputs.size(); ++i) {
        if (step.outputs[i] < 0) continue;
        if (i >= results.size()) raise<Unsupported>("output {}: we do not have it", i);
        values[static_cast<size_t>(step.outputs[i])] = std::move(results[i]);
      }
    } catch (const MemoryError&) {
      throw;
    } catch (const Unsupported& e) {
      raise<Unsupported>("{}: {}: {}", g.name, step.name, e.what());
    } catch (const ShapeError& e) {
      raise<ShapeError>("{}: {}: {}", g.name, step.name, e.what());
    } catch (const DTypeError& e) {
      raise<DTypeError>("{}: {}: {}", g.name, step.name, e.what());
    } catch (const IndexError& e) {
      raise<IndexError>("{}: {}: {}", g.name, step.name, e.what());
    } catch (const Error& e) {
      raise<IoError>("{}: {}: {}", g.name, step.name, e.what());
    }
    for (const int number : step.last) values[static_cast<size_t>(number)] = Tensor();
  }
  Tensors results;
  for (const int number : g.output_slots) results.push_back(values[static_cast<size_t>(number)]);
  return results;
}

Tensor Model::forward(const Tensor& x) {
  if (graph_->inputs.size() != 1)
    raise<ShapeError>("{}: takes {} inputs, not one.", graph_->name, graph_->inputs.size());
  return run({&x, 1}).front();
}

Tensor load_tensor(const std::string& path) {
  const std::vector<std::byte> bytes = data::read_file(path);
  ::onnx::TensorProto proto;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    raise<IoError>("{}: this is no tensor of ONNX, or it is damaged.", path);
  try {
    return from_proto(proto);
  } catch (const IoError& e) {
    raise<IoError>("{}: {}.", path, e.what());
  }
}

}  // namespace tinytorch::onnx
