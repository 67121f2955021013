// tito generate: a run's language model goes on with a text.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "tinytorch/config/experiment.h"
#include "tinytorch/config/run.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/data/tokenizer.h"
#include "tinytorch/nn/generate.h"
#include "tinytorch/ops/inference.h"
#include "tinytorch/optim/checkpoint.h"

namespace tinytorch::cli {

namespace {

nn::SamplingOptions sampling(const Args& args) {
  nn::SamplingOptions o;
  o.temperature = args.number("--temperature", o.temperature);
  o.top_k = args.integer("--top-k", o.top_k);
  o.top_p = args.number("--top-p", o.top_p);
  nn::check_sampling(o);
  return o;
}

std::vector<int64_t> encode(const data::Tokenizer& tokenizer, const std::string& prompt) {
  try {
    const std::vector<int32_t> tokens = tokenizer.encode(prompt);
    if (tokens.empty()) throw ConfigError("generate: --prompt is empty.");
    return {tokens.begin(), tokens.end()};
  } catch (const IndexError& e) {  // a character that the text of the training lacked
    throw ConfigError(std::string("generate: --prompt: ") + e.what());
  }
}

int64_t at_least(const Args& args, const std::string& option, int64_t least, int64_t otherwise) {
  const int64_t value = args.integer(option, otherwise);
  if (value < least)
    throw ConfigError(fmt::format("generate: {} {} must be at least {}.", option, value, least));
  return value;
}

WeightPrecision weights(const std::string& name) {
  if (name == "f32") return WeightPrecision::kF32;
  if (name == "bf16") return WeightPrecision::kBF16;
  if (name == "int8") return WeightPrecision::kInt8;
  throw ConfigError("generate: --weights takes f32, bf16 or int8, not '" + name + "'.");
}

void show(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int run(const Args& args) {
  nn::SamplingOptions options = sampling(args);
  const int64_t count = at_least(args, "--max-tokens", 0, 500);
  const InferenceMode inference(weights(args.text("--weights", "f32")));
  Generator generator(static_cast<uint64_t>(at_least(args, "--seed", 0, 0)));
  if (args.has("--threads")) set_num_threads(args.threads());
  const RunFolder folder = RunFolder::open(args.text("RUN"));
  Config config = folder.load_config();
  const auto module = make_model(config);
  auto* model = dynamic_cast<nn::Gpt*>(module.get());
  if (!model)
    throw ConfigError(
        fmt::format("generate: the run '{}' has the model '{}'; only a gpt goes on with a text.",
                    folder.path(), model_name(config)));
  const auto tokenizer = data::load_tokenizer(folder.tokenizer());
  if (tokenizer->size() > model->spec().vocab_size)
    throw IoError(fmt::format("{}: has {} tokens, the model {}.", folder.tokenizer(),
                              tokenizer->size(), model->spec().vocab_size));
  // A model may have room for more tokens than its tokenizer knows.
  options.vocab_size = tokenizer->size();
  optim::load_checkpoint(folder.best_checkpoint(), *model, nullptr);

  const std::string prompt = args.text("--prompt", "\n");
  const std::vector<int64_t> start = encode(*tokenizer, prompt);
  if (!args.json()) show(prompt);
  const InterruptScope scope;
  const auto began = std::chrono::steady_clock::now();
  const std::vector<int64_t> tokens =
      nn::generate(*model, start, count, options, generator, [&](int64_t token) {
        if (!args.json()) show(tokenizer->text(token));
        return !interrupted();
      });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  const bool finished = std::ssize(tokens) == count;
  if (!args.json())
    show("\n");
  else
    print_json({{"run_dir", folder.path()},
                {"prompt", prompt},
                {"completion", tokenizer->decode(tokens)},
                {"prompt_tokens", start.size()},
                {"tokens", tokens},
                {"seed", generator.seed()},
                {"tokens_per_second",
                 seconds.count() > 0 ? static_cast<double>(tokens.size()) / seconds.count() : 0},
                {"finished", finished}});
  return finished ? kOk : kInterrupted;
}

}  // namespace

extern const Command generate_command{
    "generate",
    "text from a run's language model",
    "tito generate runs/gpt-persuasion-001 --prompt \"Anne \" --temperature 0.8",
    {{"RUN", "the folder of a run that was trained on text (its best checkpoint)"}},
    {{"--prompt", "TEXT", "what to go on with (a newline)"},
     {"--max-tokens", "N", "how many tokens to make (500)"},
     {"--temperature", "T", "below 1 surer, above 1 bolder, 0 always the likeliest token (1)"},
     {"--top-k", "K", "draw among the K likeliest tokens only; 0: all (0)"},
     {"--top-p", "P", "draw among the likeliest that have P of the probability (1)"},
     {"--seed", "N", "another text for another number, the same for the same (0)"},
     {"--weights", "FORMAT", "f32, bf16 or int8: fewer bits are read faster and round (f32)"},
     {"--threads", "N", "threads to use; the text does not depend on it"}},
    run};

}  // namespace tinytorch::cli
