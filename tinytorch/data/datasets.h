#pragma once
// Data sets by name, as `data.name` of an experiment gives them:
//   digits               8x8 grey digits that ship: 1,438 for training, 359 for testing
//   fashion-mnist        28x28 grey clothes of Debian's dataset-fashion-mnist: 60,000 + 10,000;
//                        datasets/fashion-mnist in one of the folders of XDG_DATA_DIRS
//   fashion-mnist-small  the first 2,000 + 500 of them, which ship
//   idx:DIR              four IDX files under MNIST's names, plain or .gz
//   cifar10:DIR          CIFAR-10's binary version: 32x32 colour, 50,000 + 10,000
//   persuasion           Jane Austen's novel, which ships
//   text:FILE            a UTF-8 text: the first 90 % of its characters for training
#include "tinytorch/data/image_dataset.h"
#include "tinytorch/data/text.h"
#include "tinytorch/data/tokenizer.h"

namespace tinytorch::data {

enum class Normalize : uint8_t {
  kStandard,  // mean 0 and deviation 1 for each channel of the training set
  kNone,      // pixels in 0 to 1
};
Normalize normalize_from_name(const std::string& name);  // "standard", "none"; else ConfigError

struct DataOptions {
  Normalize normalize = Normalize::kStandard;
  // What kStandard subtracts and divides by; empty: what the training set gives.
  ChannelStats stats = {};
  bool flatten = false;  // images as rows of features
  // Of text. The tokenizer: "char" (the characters of the whole text), "bpe" (trained on the
  // training part, to vocab_size tokens at most), or the folder of one.
  int64_t block_size = 128;
  std::string tokenizer = "char";
  int64_t vocab_size = 1024;
};

struct DataSource {
  std::string name;
  std::shared_ptr<const Dataset> train, test;
  int64_t channels = 0, height = 0, width = 0;  // 0 for text
  int64_t classes = 0;                          // text: the size of the vocabulary
  std::shared_ptr<const Tokenizer> tokenizer;   // null for images
  ChannelStats stats;  // what was subtracted and divided by: 0 and 1 with Normalize::kNone
  bool is_text() const { return tokenizer != nullptr; }
};

// IoError for missing or broken files with what to do; ConfigError for an unknown name.
DataSource load_dataset(const std::string& name, const DataOptions& options = {});

const std::vector<std::string>& dataset_names();  // "digits", ..., "idx:DIR", ...

// Whether a name stands for a text.
bool is_text_dataset(const std::string& name);

// Whether the files of a data set are there. Does not read them.
bool has_dataset(const std::string& name);

// A file or folder of the data that ships: in TINYTORCH_DATA, else in the source tree this library
// was built from, else where it was installed. IoError listing the places when it is in none.
std::string shipped_data(const std::string& name);

}  // namespace tinytorch::data
