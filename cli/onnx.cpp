// tito onnx: models of ONNX. Where the build has no ONNX, it says what is missing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/onnx.h"
#include "cli/output.h"
#if TINYTORCH_ONNX
#include "tinytorch/config/experiment.h"
#include "tinytorch/config/layers.h"
#include "tinytorch/config/run.h"
#include "tinytorch/data/npy.h"
#include "tinytorch/onnx/conformance.h"
#include "tinytorch/onnx/export.h"
#include "tinytorch/onnx/model.h"
#endif

namespace tinytorch::cli {

void require_onnx(const std::string& command) {
#if TINYTORCH_ONNX
  (void)command;
#else
  throw EnvironmentError(command +
                         ": this build has no ONNX. Hint: apt-get install libonnx-dev "
                         "libprotobuf-dev protobuf-compiler, then build again (./tito does both).");
#endif
}

#if TINYTORCH_ONNX
namespace {

int conformance(const std::string& folder, bool json) {
  using State = onnx::TestResult::State;
  int64_t counts[3] = {0, 0, 0};
  Json failures = Json::array(), skips = Json::array(), passes = Json::array();
  for (const onnx::TestResult& test : onnx::run_conformance(folder)) {
    ++counts[static_cast<int>(test.state)];
    if (test.state == State::kPassed) {
      passes.push_back(test.name);
      continue;
    }
    const bool failed = test.state == State::kFailed;
    (failed ? failures : skips).push_back({{"test", test.name}, {"reason", test.reason}});
    if (!json) fmt::print("{} {}: {}\n", failed ? "FAIL" : "skip", test.name, test.reason);
  }
  if (json)
    print_json({{"passed", counts[0]},
                {"failed", counts[1]},
                {"skipped", counts[2]},
                {"failures", failures},
                {"skips", skips},
                {"passes", passes}});
  else
    fmt::print("{} passed, {} failed, {} skipped\n", counts[0], counts[1], counts[2]);
  return counts[1] ? kCheckFailed : kOk;
}

// What the network of a config takes.
onnx::ExportInput input_of(Config& config) {
  onnx::ExportInput input;
  const std::string name = model_name(config);
  if (name == "sequential") {
    input.sizes = config.get<std::vector<int64_t>>("model.input_shape");
    if (layers_take_tokens(config)) {
      input.name = "tokens";
      input.dtype = DType::kI64;
    } else {
      input.dtype = read_dtype(config);
    }
    return input;
  }
  const nn::ModelSpec spec = read_model(config);
  if (spec.name == "gpt") return {"tokens", DType::kI64, {-1}};
  input.dtype = read_dtype(config);
  if (spec.name == "mlp")
    input.sizes = {spec.layers.front()};
  else
    input.sizes = {spec.in_channels, spec.image_size, spec.image_size};
  return input;
}

int export_run(const std::string& run, const std::string& output, bool json) {
  if (output.empty()) throw ConfigError("onnx export: --output M.onnx is needed.");
  const RunFolder folder = RunFolder::open(run);
  Config config = Config::load(folder.config_file());
  const auto model = make_model(config);
  optim::load_checkpoint(folder.best_checkpoint(), *model, nullptr);
  const onnx::ExportReport report = onnx::export_model(*model, input_of(config), output);
  if (json)
    print_json({{"output", output},
                {"opset", 13},
                {"nodes", report.nodes},
                {"bytes", report.bytes},
                {"max_difference", report.max_difference}});
  else
    fmt::print("{}: {} nodes, {} bytes; read back, it differs from the run by at most {:.1e}\n",
               output, report.nodes, report.bytes, report.max_difference);
  return kOk;
}

int describe(const std::string& file, bool json) {
  const auto model = onnx::Model::load(file);
  Json inputs = Json::array(), outputs = Json::array();
  for (const onnx::ValueInfo& v : model->inputs()) inputs.push_back(v.str());
  for (const onnx::ValueInfo& v : model->outputs()) outputs.push_back(v.str());
  if (json) {
    print_json({{"model", model->describe()}, {"inputs", inputs}, {"outputs", outputs}});
    return kOk;
  }
  fmt::print("{}\n", model->describe());
  for (const auto& v : inputs) fmt::print("  in   {}\n", v.get<std::string>());
  for (const auto& v : outputs) fmt::print("  out  {}\n", v.get<std::string>());
  return kOk;
}

// "X.npy" for the only one of `values`, or "NAME=X.npy,NAME=Y.npy": a file for each place, "" for
// those without.
std::vector<std::string> files_of(const std::string& option, const std::string& text,
                                  const std::vector<onnx::ValueInfo>& values, bool all) {
  std::vector<std::string> files(values.size()), names;
  for (const onnx::ValueInfo& v : values) names.push_back(v.name);
  if (text.find('=') == std::string::npos && (values.size() == 1 || !all)) {
    files.front() = text;
    return files;
  }
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(',', start), text.size());
    const std::string part = text.substr(start, end - start);
    const size_t equals = part.rfind('=');
    const auto at = std::find(names.begin(), names.end(), part.substr(0, equals));
    if (equals == std::string::npos || at == names.end())
      throw ConfigError(fmt::format("infer: {} '{}' is no NAME=FILE. The names are: {}.", option,
                                    part, fmt::join(names, ", ")));
    files[static_cast<size_t>(at - names.begin())] = part.substr(equals + 1);
    start = end + 1;
  }
  for (size_t i = 0; all && i < files.size(); ++i)
    if (files[i].empty())
      throw ConfigError(fmt::format("infer: {} has nothing for {}.", option, values[i].str()));
  return files;
}

// Numbers of the declared kind: any float for a float, any integer for an integer.
Tensor read_input(const std::string& file, const onnx::ValueInfo& info) {
  const Tensor x = data::read_npy(file);
  if (is_floating(x.dtype()) != is_floating(info.dtype) ||
      (x.dtype() == DType::kBool) != (info.dtype == DType::kBool))
    throw IoError(fmt::format("{}: holds {}, but the model takes {}.", file, dtype_name(x.dtype()),
                              info.str()));
  return x.to(info.dtype);
}

Json sizes(const Tensor& x) {
  return std::vector<int64_t>(x.shape().begin(), x.shape().end());
}

}  // namespace
#endif

int infer_onnx(const Args& args) {
  const std::string file = args.text("RUN_DIR_OR_CONFIG");
  require_onnx("infer " + file);
#if TINYTORCH_ONNX
  if (args.has("--weights")) throw ConfigError("infer: " + file + " has its own weights.");
  const auto model = onnx::Model::load(file);
  const auto in = files_of("--input", args.text("--input"), model->inputs(), true);
  const auto out = files_of("--output", args.text("--output"), model->outputs(), false);
  std::vector<Tensor> inputs;
  inputs.reserve(in.size());
  for (size_t i = 0; i < in.size(); ++i) inputs.push_back(read_input(in[i], model->inputs()[i]));
  std::vector<Tensor> outputs;
  try {
    outputs = model->run(inputs);
  } catch (const ShapeError& e) {
    throw IoError(e.what());
  } catch (const DTypeError& e) {
    throw IoError(e.what());
  } catch (const IndexError& e) {
    throw IoError(e.what());
  }
  Json written = Json::array();
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].empty()) continue;
    data::write_npy(out[i], outputs[i]);
    written.push_back(
        {{"name", model->outputs()[i].name}, {"shape", sizes(outputs[i])}, {"file", out[i]}});
    if (!args.json())
      fmt::print("{} -> {}: {}\n", inputs.empty() ? "[]" : inputs.front().shape().str(),
                 outputs[i].shape().str(), out[i]);
  }
  if (args.json())
    print_json({{"model", model->describe()},
                {"input_shape", inputs.empty() ? Json::array() : sizes(inputs.front())},
                {"output_shape", written.empty() ? Json::array() : written.front()["shape"]},
                {"output", written.empty() ? Json("") : written.front()["file"]},
                {"outputs", written}});
  return kOk;
#else
  return kEnvironment;
#endif
}

namespace {

int run(const Args& args) {
  const std::string action = args.text("ACTION"), what = args.text("WHAT");
  if (action != "conformance" && action != "show" && action != "export")
    throw ConfigError(
        fmt::format("onnx: there is no '{}'. There are: export, show, conformance.", action));
  require_onnx("onnx " + action);
#if TINYTORCH_ONNX
  if (action == "export") return export_run(what, args.text("--output"), args.json());
  return action == "show" ? describe(what, args.json()) : conformance(what, args.json());
#else
  return kEnvironment;
#endif
}

}  // namespace

extern const Command onnx_command{
    "onnx",
    "models of ONNX: write a run as one, show one, run ONNX's own tests",
    "tito onnx export runs/cnn-digits-001 --output cnn.onnx",
    {{"ACTION",
      "export: a run's best checkpoint as a file (opset 13); show: what a model takes and gives; "
      "conformance: the tests under a folder"},
     {"WHAT", "the folder of a run, a model, or the folder of the tests"}},
    {{"--output", "M.onnx", "the file that export writes"}},
    run};

}  // namespace tinytorch::cli
