// tito tokenize: a text as token ids, and tokenizers trained on a text.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "tinytorch/config/run.h"
#include "tinytorch/data/bpe.h"
#include "tinytorch/data/text.h"
#include "tinytorch/data/tokenizer.h"

namespace tinytorch::cli {

namespace {

std::shared_ptr<const data::Tokenizer> train(const Args& args, const std::string& text) {
  const std::string kind = args.text("--train");
  if (kind == "char")
    return std::make_shared<data::CharTokenizer>(data::CharTokenizer::train(text));
  if (kind == "bpe")
    return std::make_shared<data::BpeTokenizer>(
        data::BpeTokenizer::train(text, args.integer("--vocab-size", 1024)));
  throw ConfigError("tokenize: --train '" + kind + "' is unknown. Known: char, bpe.");
}

// A tokenizer's own folder, or that of a run.
std::shared_ptr<const data::Tokenizer> load(const std::string& folder) {
  const std::string of_run = folder + "/tokenizer";
  return data::load_tokenizer(data::has_tokenizer(of_run) ? of_run : folder);
}

int run(const Args& args) {
  const std::string file = args.text("TEXT"), output = args.text("--output");
  if (args.has("--train") == args.has("--with"))
    throw ConfigError(
        "tokenize: give one of --with FOLDER (a tokenizer or a run) and --train char or bpe.");
  if (args.has("--vocab-size") && args.text("--train") != "bpe")
    throw ConfigError("tokenize: --vocab-size goes with --train bpe alone.");
  const std::string text = data::read_text(file);
  const auto tokenizer = args.has("--train") ? train(args, text) : load(args.text("--with"));
  std::vector<int32_t> ids;
  try {
    ids = tokenizer->encode(text);
  } catch (const IndexError& e) {  // a character that the tokenizer lacks
    throw IoError(file + ": " + e.what());
  }
  if (!output.empty()) tokenizer->save(output);
  if (args.json()) {
    print_json({{"tokenizer", tokenizer->kind()},
                {"vocab_size", tokenizer->size()},
                {"bytes", text.size()},
                {"tokens", ids.size()},
                {"ids", ids},
                {"output", output}});
    return kOk;
  }
  fmt::print("{}: {} bytes are {} tokens of {} ({})\n", file, text.size(), ids.size(),
             tokenizer->size(), tokenizer->kind());
  if (!output.empty()) fmt::print("the tokenizer is in {}\n", output);
  return kOk;
}

}  // namespace

extern const Command tokenize_command{
    "tokenize",
    "a text as token ids; trains tokenizers",
    "tito tokenize datasets/persuasion.txt --train bpe --vocab-size 2000 --output tokens",
    {{"TEXT", "a UTF-8 text"}},
    {{"--with", "FOLDER",
      "a tokenizer (characters.json, or vocab.json and merges.txt) or a run that has one"},
     {"--train", "KIND", "train one on the text instead: char or bpe"},
     {"--vocab-size", "N", "tokens of a bpe that is trained, at most (1024)"},
     {"--output", "FOLDER", "where to save the tokenizer"}},
    run};

}  // namespace tinytorch::cli
