// tito infer: logits of a model for the inputs of a .npy or .npz file.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/infer_input.h"
#include "cli/onnx.h"
#include "cli/output.h"
#include "tinytorch/config/experiment.h"
#include "tinytorch/config/layers.h"
#include "tinytorch/config/run.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/data/npz.h"
#include "tinytorch/data/safetensors.h"
#include "tinytorch/nn/inference_session.h"

namespace tinytorch::cli {

namespace {

// Tokens stay i64, everything else takes the model's dtype.
Tensor as_input(const Tensor& x, Config& config, const std::string& file, bool normalize) {
  const std::string name = model_name(config);
  const bool tokens = name == "gpt" || (name == "sequential" && layers_take_tokens(config));
  if (tokens && normalize)
    throw ConfigError("infer: --normalize is for images; this " + name + " takes tokens.");
  if (tokens)
    return infer_input(x, DType::kI64, file, "this " + name + " takes int64 tokens (batch, time)");
  const DType dtype = read_dtype(config);
  return infer_input(x, dtype, file, fmt::format("this {} takes {}", name, dtype_name(dtype)),
                     normalize ? read_normalization(config) : data::ChannelStats());
}

// What a model's input looks like: "(n, 1, 28, 28)".
std::string input_of(Config& config) {
  if (model_name(config) == "sequential")
    return fmt::format("(n, {})",
                       fmt::join(config.get<std::vector<int64_t>>("model.input_shape"), ", "));
  const nn::ModelSpec spec = read_model(config);
  if (spec.name == "gpt") return fmt::format("(n, up to {}) tokens", spec.block_size);
  if (spec.name == "mlp")
    return fmt::format("(n, {0}), or images of {0} values", spec.layers.front());
  const std::string side = spec.name == "cnn" ? std::to_string(spec.image_size) : "any size";
  return fmt::format("(n, {}, {}, {})", spec.in_channels, side, side);
}

constexpr int64_t kRowsAtATime = 256;  // of the input: memory for these is enough

// The file is to blame when the network cannot take what it holds.
Tensor logits(nn::Module& model, Config& config, const Tensor& x, const std::string& file) {
  try {
    return nn::InferenceSession(model).by_rows(x, kRowsAtATime);
  } catch (const ShapeError&) {
    throw IoError(fmt::format("{}: holds {}, but this {} takes {}.", file, x.shape().str(),
                              model_name(config), input_of(config)));
  } catch (const DTypeError& e) {
    throw IoError(file + ": " + e.what());
  } catch (const IndexError& e) {  // tokens outside the vocabulary
    throw IoError(file + ": " + e.what());
  }
}

int run(const Args& args) {
  const std::string what = args.text("RUN_DIR_OR_CONFIG"), weights = args.text("--weights");
  if (!args.has("--input") || !args.has("--output"))
    throw ConfigError("infer: --input X.npy and --output Y.npy are needed.");
  if (args.has("--threads")) set_num_threads(args.threads());
  if (what.ends_with(".onnx")) return infer_onnx(args);
  const bool is_run = std::filesystem::is_directory(what);
  if (!std::filesystem::exists(what))
    throw IoError("infer: there is no '" + what + "': neither the folder of a run nor a config.");
  if (!is_run && weights.empty())
    throw ConfigError(
        "infer: a config has no weights. Hint: --weights W.safetensors, or give the folder of a "
        "run.");
  Config config = is_run ? RunFolder::open(what).load_config() : Config::load(what);
  const auto model = make_model(config);
  if (!weights.empty())
    model->load_state_dict(data::read_safetensors(weights).tensors);
  else
    optim::load_checkpoint(RunFolder::open(what).best_checkpoint(), *model, nullptr);
  model->eval();
  const std::string input = args.text("--input");
  const Tensor x = as_input(data::read_array(input, args.text("--array")), config, input,
                            args.has("--normalize"));
  const Tensor y = logits(*model, config, x, input);
  const std::string output = args.text("--output");
  if (output.ends_with(".npz"))
    data::write_npz(output, {{"logits", y}});
  else
    data::write_npy(output, y);
  if (args.json())
    print_json({{"model", model_name(config)},
                {"input_shape", std::vector<int64_t>(x.shape().begin(), x.shape().end())},
                {"output_shape", std::vector<int64_t>(y.shape().begin(), y.shape().end())},
                {"output", output}});
  else
    fmt::print("{} -> {}: {}\n", x.shape().str(), y.shape().str(), output);
  return kOk;
}

}  // namespace

extern const Command infer_command{
    "infer",
    "logits of a model for the inputs of a .npy or .npz file",
    "tito infer runs/cnn-digits-001 --input x.npy --output logits.npy",
    {{"RUN_DIR_OR_CONFIG",
      "the folder of a run (its best checkpoint), a config together with --weights, or a model of "
      "ONNX, M.onnx (several inputs: --input NAME=X.npy,NAME=Z.npy)"}},
    {{"--weights", "W.safetensors", "other weights than the run's best"},
     {"--input", "X.npy",
      "float32 (n, c, h, w) or (n, features), given to the network as it is: what data.normalize "
      "did in training is yours to do, or --normalize's; int64 tokens for gpt"},
     {"--normalize", nullptr,
      "the input holds pixels from 0 to 1: do what data.normalize did in training"},
     {"--array", "NAME", "which array, when the input is a .npz archive of several"},
     {"--output", "Y.npy",
      "where the logits go; Y.npz holds them as 'logits' (of M.onnx: under the output's name)"},
     {"--threads", "N", "threads to use"}},
    run};

}  // namespace tinytorch::cli
