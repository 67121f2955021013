// tito infer: logits of a model for the inputs of a .npy file.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "tinytorch/config/experiment.h"
#include "tinytorch/config/run.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/data/npy.h"
#include "tinytorch/data/safetensors.h"

namespace tinytorch::cli {

namespace {

// Tokens stay i64, everything else takes the model's dtype.
Tensor as_input(const Tensor& x, const Config& config, const std::string& file) {
  if (config.get("model.name", "mlp") == "gpt") {
    if (is_floating(x.dtype()))
      throw IoError(file + ": a gpt takes int64 tokens (batch, time), these are " +
                    dtype_name(x.dtype()) + ".");
    return x.to(DType::kI64);
  }
  return x.to(read_dtype(config));
}

// The file is to blame when the network cannot take what it holds.
Tensor logits(nn::Module& model, const Tensor& x, const std::string& file) {
  const auto refuse = [&](const Error& e) { return IoError(file + ": " + e.what()); };
  try {
    return model(x);
  } catch (const ShapeError& e) {
    throw refuse(e);
  } catch (const DTypeError& e) {
    throw refuse(e);
  } catch (const IndexError& e) {  // tokens outside the vocabulary
    throw refuse(e);
  }
}

int run(const Args& args) {
  const std::string what = args.text("RUN_DIR_OR_CONFIG"), weights = args.text("--weights");
  if (!args.has("--input") || !args.has("--output"))
    throw ConfigError("infer: --input X.npy and --output Y.npy are needed.");
  if (args.has("--threads")) set_num_threads(static_cast<int>(args.integer("--threads", 1)));
  const bool is_run = std::filesystem::is_directory(what);
  if (!is_run && weights.empty())
    throw ConfigError(
        "infer: a config has no weights. Hint: --weights W.safetensors, or give the folder of a "
        "run.");
  Config config = Config::load(is_run ? RunFolder::open(what).config_file() : what);
  const auto model = make_model(config);
  if (!weights.empty())
    model->load_state_dict(data::read_safetensors(weights).tensors);
  else
    optim::load_checkpoint(RunFolder::open(what).best_checkpoint(), *model, nullptr);
  model->eval();
  const NoGrad no_grad;
  const std::string input = args.text("--input");
  const Tensor x = as_input(data::read_npy(input), config, input);
  const Tensor y = logits(*model, x, input);
  data::write_npy(args.text("--output"), y);
  if (args.json())
    print_json({{"model", config.get("model.name", "mlp")},
                {"input_shape", std::vector<int64_t>(x.shape().begin(), x.shape().end())},
                {"output_shape", std::vector<int64_t>(y.shape().begin(), y.shape().end())},
                {"output", args.text("--output")}});
  else
    fmt::print("{} -> {}: {}\n", x.shape().str(), y.shape().str(), args.text("--output"));
  return kOk;
}

}  // namespace

extern const Command infer_command{
    "infer",
    "logits of a model for the inputs of a .npy file",
    "tito infer runs/cnn-digits-001 --input x.npy --output logits.npy",
    {{"RUN_DIR_OR_CONFIG",
      "the folder of a run (its best checkpoint), or a config together with --weights"}},
    {{"--weights", "W.safetensors", "other weights than the run's best"},
     {"--input", "X.npy",
      "float32 (n, c, h, w) or (n, features) as the network takes them; int64 tokens for gpt"},
     {"--output", "Y.npy", "where the logits go"},
     {"--threads", "N", "threads to use"}},
    run};

}  // namespace tinytorch::cli
