#include "tinytorch/data/datasets.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tinytorch/core/format.h"
#include "tinytorch/data/bpe.h"
#include "tinytorch/data/cifar.h"
#include "tinytorch/data/csv.h"
#include "tinytorch/data/idx.h"

namespace tinytorch::data {

namespace fs = std::filesystem;

namespace {

constexpr int kByteScale = 255, kDigitScale = 16;
constexpr const char* kNovel = "persuasion";
constexpr const char* kSystemFashion = "/usr/share/datasets/fashion-mnist";  // of the package

std::vector<fs::path> data_folders() {
  std::vector<fs::path> folders;
  if (const char* set = std::getenv("TINYTORCH_DATA"); set && *set) folders.emplace_back(set);
#ifdef TINYTORCH_SOURCE_DATA
  folders.emplace_back(TINYTORCH_SOURCE_DATA);
#endif
#ifdef TINYTORCH_INSTALLED_DATA
  folders.emplace_back(TINYTORCH_INSTALLED_DATA);
#endif
  // An installation that was moved: beside the executable's bin/.
  std::error_code ec;
  const fs::path exe = fs::read_symlink("/proc/self/exe", ec);
  if (!ec) folders.push_back(exe.parent_path().parent_path() / "share/tinytorch/datasets");
  return folders;
}

// Empty when it is nowhere.
std::string find_shipped(const std::string& name) {
  std::error_code ec;
  for (const fs::path& folder : data_folders())
    if (fs::exists(folder / name, ec)) return (folder / name).string();
  return "";
}

bool has_idx_files(const fs::path& folder) {
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    std::error_code ec;
    if (!fs::exists(folder / name, ec) && !fs::exists(folder / (std::string(name) + ".gz"), ec))
      return false;
  }
  return true;
}

std::string fashion_folder() {
  std::string shipped = find_shipped("fashion-mnist");  // a user's own copy comes first
  if (!shipped.empty() && has_idx_files(shipped)) return shipped;
  const char* set = std::getenv("XDG_DATA_DIRS");
  std::istringstream folders(set && *set ? set : "/usr/local/share:/usr/share");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (folder += "/datasets/fashion-mnist"; has_idx_files(folder)) return folder;
  return "";
}

int64_t class_count(const ImageSplits& s) {
  int64_t most = 0;
  for (const Tensor& labels : {s.train.labels, s.test.labels}) {
    const uint8_t* p = labels.data<uint8_t>();
    for (int64_t i = 0; i < labels.numel(); ++i) most = std::max<int64_t>(most, p[i]);
  }
  return most + 1;
}

DataSource from_images(const std::string& name, const ImageSplits& s, int64_t classes,
                       int full_scale, const DataOptions& options) {
  const Tensor &train = s.train.images, &test = s.test.images;
  DataSource out;
  out.name = name;
  out.channels = train.size(1);
  out.height = train.size(2);
  out.width = train.size(3);
  out.classes = classes;
  if (train.numel() == 0 || test.numel() == 0 || test.size(1) != out.channels ||
      test.size(2) != out.height || test.size(3) != out.width)
    raise<IoError>("{}: training images {} and test images {} must not be empty and agree in size.",
                   name, train.shape().str(), test.shape().str());
  if (options.normalize == Normalize::kStandard) {
    out.stats = options.stats.mean.empty() ? channel_stats(train, full_scale) : options.stats;
    if (static_cast<int64_t>(out.stats.mean.size()) != out.channels ||
        static_cast<int64_t>(out.stats.deviation.size()) != out.channels)
      raise<ConfigError>("{}: has {} channels, but {} means and {} deviations are given.", name,
                         out.channels, out.stats.mean.size(), out.stats.deviation.size());
  } else {
    out.stats.mean.assign(static_cast<size_t>(out.channels), 0.0);
    out.stats.deviation.assign(static_cast<size_t>(out.channels), 1.0);
  }
  const auto dataset = [&](const LabeledImages& part, const char* which) {
    return std::make_shared<ImageDataset>(name + which, part.images, part.labels, classes,
                                          full_scale, out.stats, options.flatten);
  };
  out.train = dataset(s.train, " (train)");
  out.test = dataset(s.test, " (test)");
  return out;
}

// Rows of 64 pixels from 0 to 16 and a label. The rows come writer by writer, so every fifth is
// taken for testing: both parts hold every writer.
ImageSplits read_digits(const std::string& path) {
  constexpr int64_t kPixels = 64, kEvery = 5, kClasses = 10;
  const Tensor table = read_csv(path).values;
  const int64_t rows = table.size(0), columns = table.size(1);
  if (columns != kPixels + 1)
    raise<IoError>("{}: found {} columns, expected {} (64 pixels and a label).", path, columns,
                   kPixels + 1);
  const float* p = table.data<float>();
  const auto part = [&](int64_t count) {
    return LabeledImages{empty({count, 1, 8, 8}, DType::kU8), empty({count}, DType::kU8)};
  };
  const int64_t tests = rows / kEvery;
  ImageSplits out{part(rows - tests), part(tests)};
  int64_t at[2] = {0, 0};
  for (int64_t row = 0; row < rows; ++row) {
    const bool test = row % kEvery == kEvery - 1;
    const LabeledImages& to = test ? out.test : out.train;
    const int64_t i = at[test]++;
    for (int64_t c = 0; c < columns; ++c) {
      const float v = *p++;
      const float most = c < kPixels ? float{kDigitScale} : float{kClasses - 1};
      if (!(v >= 0 && v <= most && v == static_cast<float>(static_cast<int>(v))))
        raise<IoError>("{}: row {}, column {}: found {}, expected a whole number from 0 to {}.",
                       path, row + 1, c + 1, v, most);
      (c < kPixels ? to.images.data<uint8_t>()[i * kPixels + c] : to.labels.data<uint8_t>()[i]) =
          static_cast<uint8_t>(v);
    }
  }
  return out;
}

std::shared_ptr<const Tokenizer> make_tokenizer(std::string_view text, std::string_view training,
                                                const DataOptions& options) {
  if (options.tokenizer == "char")
    return std::make_shared<CharTokenizer>(CharTokenizer::train(text));
  if (options.tokenizer == "bpe")
    return std::make_shared<BpeTokenizer>(BpeTokenizer::train(training, options.vocab_size));
  return load_tokenizer(options.tokenizer);
}

// Where the first 90 % of the characters end.
size_t training_part(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto characters = std::count_if(text.begin(), text.end(), begins);
  size_t at = 0;
  for (std::ptrdiff_t i = characters * 9 / 10; i > 0; --i) at += utf8_length(text.substr(at));
  return at;
}

DataSource load_text(const std::string& name, const std::string& path, const DataOptions& options) {
  const std::string text = read_text(path);
  const std::string_view whole = text;
  const size_t cut = training_part(whole);
  DataSource out;
  out.name = name;
  out.tokenizer = make_tokenizer(whole, whole.substr(0, cut), options);
  out.classes = out.tokenizer->size();
  const auto part = [&](std::string_view of) {
    try {
      return std::make_shared<TextDataset>(out.tokenizer->encode(of), options.block_size);
    } catch (const IndexError& e) {  // the tokenizer was loaded
      raise<IoError>("{}: does not fit its tokenizer: {}", path, e.what());
    }
  };
  const auto train = part(whole.substr(0, cut)), test = part(whole.substr(cut));
  if (train->size() == 0 || test->size() == 0)
    raise<IoError>(
        "{}: found {} tokens for training and {} for testing; a window of block_size {} takes {}. "
        "Hint: use a longer text or a smaller block_size.",
        path, train->tokens(), test->tokens(), options.block_size, options.block_size + 1);
  out.train = train;
  out.test = test;
  return out;
}

// "idx:DIR" with prefix "idx:": DIR; empty for other names.
std::string after(const std::string& name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : "";
}

}  // namespace

const std::vector<std::string>& dataset_names() {
  static const std::vector<std::string> names = {
      "digits",      "fashion-mnist", "fashion-mnist-small", "persuasion", "idx:DIR",
      "cifar10:DIR", "text:FILE"};
  return names;
}

bool is_text_dataset(const std::string& name) {
  return name == kNovel || name.starts_with("text:");
}

Normalize normalize_from_name(const std::string& name) {
  if (name == "standard") return Normalize::kStandard;
  if (name == "none") return Normalize::kNone;
  raise<ConfigError>("data.normalize: '{}' is unknown. Known: standard, none.", name);
}

std::string shipped_data(const std::string& name) {
  std::string found = find_shipped(name);
  if (!found.empty()) return found;
  std::string places;
  for (const fs::path& folder : data_folders()) places += "\n  " + (folder / name).string();
  raise<IoError>(
      "{}: not found. Hint: set TINYTORCH_DATA to the folder 'datasets' of the source "
      "tree. Looked for:{}",
      name, places);
}

bool has_dataset(const std::string& name) {
  std::error_code ec;
  if (name == "digits") return !find_shipped("digits.csv.gz").empty();
  if (name == "fashion-mnist") return !fashion_folder().empty();
  if (name == "fashion-mnist-small") return !find_shipped(name).empty();
  if (const std::string folder = after(name, "idx:"); !folder.empty()) return has_idx_files(folder);
  if (const std::string folder = after(name, "cifar10:"); !folder.empty())
    return fs::exists(fs::path(folder) / "test_batch.bin", ec);
  if (name == kNovel) return !find_shipped("persuasion.txt").empty();
  if (const std::string file = after(name, "text:"); !file.empty()) return fs::exists(file, ec);
  return false;
}

DataSource load_dataset(const std::string& name, const DataOptions& options) {
  if (name == "digits")
    return from_images(name, read_digits(shipped_data("digits.csv.gz")), 10, kDigitScale, options);
  if (name == "fashion-mnist") {
    const std::string folder = fashion_folder();
    if (folder.empty())
      raise<IoError>(
          "fashion-mnist: {} is not there. Hint: sudo apt-get install "
          "dataset-fashion-mnist, or data.name=idx:DIR with a folder of the four IDX "
          "files, or data.name=digits, which ships.",
          kSystemFashion);
    return from_images(name, read_idx_folder(folder), 10, kByteScale, options);
  }
  if (name == "fashion-mnist-small")
    return from_images(name, read_idx_folder(shipped_data(name)), 10, kByteScale, options);
  if (const std::string folder = after(name, "idx:"); !folder.empty()) {
    const ImageSplits splits = read_idx_folder(folder);
    return from_images(name, splits, class_count(splits), kByteScale, options);
  }
  if (const std::string folder = after(name, "cifar10:"); !folder.empty())
    return from_images(name, read_cifar10_folder(folder), 10, kByteScale, options);
  if (name == kNovel) return load_text(name, shipped_data("persuasion.txt"), options);
  if (const std::string file = after(name, "text:"); !file.empty())
    return load_text(name, file, options);
  raise<ConfigError>("data.name: '{}' is unknown. Known: {}. Hint: idx:DIR reads MNIST's files.",
                     name, joined(dataset_names()));
}

}  // namespace tinytorch::data
