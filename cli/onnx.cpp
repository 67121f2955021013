// tito onnx: models of ONNX. Where the build has no ONNX, it says what is missing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/infer_input.h"
#include "cli/onnx.h"
#include "cli/output.h"
#if TINYTORCH_ONNX
#include "tinytorch/config/experiment.h"
#include "tinytorch/config/layers.h"
#include "tinytorch/config/run.h"
#include "tinytorch/data/npz.h"
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

// Runs of earlier versions do not hold the numbers: their data do, where they still are.
void note_normalization(Config& config, onnx::ExportInput& input) {
  try {
    data::ChannelStats stats = read_normalization(config);
    input.mean = std::move(stats.mean);
    input.deviation = std::move(stats.deviation);
  } catch (const IoError& e) {
    fmt::print(stderr, "tito: the file will not say how its inputs were normalised: {}\n",
               e.what());
  }
}

// A stack takes tokens of any length where its layers do, else of the length in the config.
onnx::ExportReport export_tokens(nn::Module& model, const onnx::ExportInput& input,
                                 const std::string& output) {
  onnx::ExportInput open = input;
  open.length = input.sizes.front();
  open.sizes.front() = -1;
  try {
    return onnx::export_model(model, open, output);
  } catch (const ShapeError&) {
    return onnx::export_model(model, input, output);
  }
}

int export_run(const std::string& run, const std::string& output, bool json) {
  if (output.empty()) throw ConfigError("onnx export: --output M.onnx is needed.");
  const RunFolder folder = RunFolder::open(run);
  Config config = folder.load_config();
  const auto model = make_model(config);
  optim::load_checkpoint(folder.best_checkpoint(), *model, nullptr);
  onnx::ExportInput input = input_of(config);
  if (is_floating(input.dtype)) note_normalization(config, input);
  const bool stack_of_tokens =
      !is_floating(input.dtype) && input.sizes.size() == 1 && input.sizes.front() > 0;
  const onnx::ExportReport report = stack_of_tokens ? export_tokens(*model, input, output)
                                                    : onnx::export_model(*model, input, output);
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
    print_json({{"model", model->describe()},
                {"inputs", inputs},
                {"outputs", outputs},
                {"metadata", model->metadata()}});
    return kOk;
  }
  fmt::print("{}\n", model->describe());
  for (const auto& v : inputs) fmt::print("  in   {}\n", v.get<std::string>());
  for (const auto& v : outputs) fmt::print("  out  {}\n", v.get<std::string>());
  for (const auto& [key, text] : model->metadata()) fmt::print("  {} = {}\n", key, text);
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

// What --normalize does: as the file says, which `onnx export` wrote.
data::ChannelStats normalization(const onnx::Model& model, const std::string& file) {
  const auto& noted = model.metadata();
  const auto numbers = [&](const char* key) {
    const auto at = noted.find(key);
    const Json list = at == noted.end() ? Json() : Json::parse(at->second, nullptr, false);
    if (!list.is_array() ||
        !std::all_of(list.begin(), list.end(), [](const Json& v) { return v.is_number(); }))
      return std::vector<double>();
    return list.get<std::vector<double>>();
  };
  data::ChannelStats stats{numbers(onnx::kMeanKey), numbers(onnx::kDeviationKey)};
  if (stats.mean.empty() || stats.mean.size() != stats.deviation.size())
    throw IoError(
        fmt::format("{}: does not say how its inputs were normalised ({}, {}), so "
                    "--normalize cannot. Hint: do it before, and leave the option out.",
                    file, onnx::kMeanKey, onnx::kDeviationKey));
  return stats;
}

// An array for each input, of the declared kind.
std::vector<Tensor> read_inputs(const Args& args, const onnx::Model& model,
                                const std::string& name) {
  const auto& infos = model.inputs();
  const auto files = files_of("--input", args.text("--input"), infos, true);
  if (infos.size() != 1 && (args.has("--array") || args.has("--normalize")))
    throw ConfigError(fmt::format("infer: {} is for models of one input; {} has {}.",
                                  args.has("--array") ? "--array" : "--normalize", name,
                                  infos.size()));
  data::ChannelStats stats;
  if (args.has("--normalize")) stats = normalization(model, name);
  std::vector<Tensor> inputs;
  inputs.reserve(files.size());
  for (size_t i = 0; i < files.size(); ++i)
    inputs.push_back(infer_input(data::read_array(files[i], args.text("--array")), infos[i].dtype,
                                 files[i], "the model takes " + infos[i].str(), stats));
  return inputs;
}

// Several outputs may go into one archive, under their names.
void write_outputs(const std::vector<std::string>& files, const std::vector<Tensor>& outputs,
                   const std::vector<onnx::ValueInfo>& infos) {
  std::map<std::string, data::NamedArrays> archives;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].empty()) continue;
    if (files[i].ends_with(".npz"))
      archives[files[i]].emplace_back(infos[i].name, outputs[i]);
    else if (std::count(files.begin(), files.end(), files[i]) > 1)
      throw ConfigError("infer: --output names " + files[i] +
                        " twice. Hint: an archive (.npz) holds several outputs.");
    else
      data::write_npy(files[i], outputs[i]);
  }
  for (const auto& [file, arrays] : archives) data::write_npz(file, arrays);
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
  const auto out = files_of("--output", args.text("--output"), model->outputs(), false);
  const std::vector<Tensor> inputs = read_inputs(args, *model, file);
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
  write_outputs(out, outputs, model->outputs());
  Json written = Json::array();
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].empty()) continue;
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
