#include "tinytorch/data/cifar.h"

#include <cstring>
#include <filesystem>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

namespace {

constexpr int64_t kClasses = 10, kPixels = 3 * 32 * 32, kRecord = 1 + kPixels;

// Appends the records of one file at image `at`; returns the next free image.
int64_t append(Bytes bytes, std::string_view name, const LabeledImages& out, int64_t at) {
  auto* images = out.images.data<uint8_t>();
  auto* labels = out.labels.data<uint8_t>();
  for (size_t offset = 0; offset < bytes.size(); offset += kRecord, ++at) {
    labels[at] = std::to_integer<uint8_t>(bytes[offset]);
    if (labels[at] >= kClasses)
      refuse(name, offset, "label", std::to_string(labels[at]), "0 to 9 (CIFAR-10)");
    std::memcpy(images + at * kPixels, bytes.data() + offset + 1, kPixels);
  }
  return at;
}

int64_t records(Bytes bytes, std::string_view name) {
  if (bytes.empty() || bytes.size() % kRecord != 0)
    refuse(name, bytes.size() - bytes.size() % kRecord, "records",
           format_text("{} bytes", bytes.size()),
           format_text("a multiple of {} (one label, {} pixels)", kRecord, kPixels));
  return static_cast<int64_t>(bytes.size()) / kRecord;
}

LabeledImages allocate(int64_t count) {
  return {empty({count, 3, 32, 32}, DType::kU8), empty({count}, DType::kU8)};
}

}  // namespace

LabeledImages parse_cifar10(Bytes bytes, std::string_view name) {
  const LabeledImages out = allocate(records(bytes, name));
  append(bytes, name, out, 0);
  return out;
}

LabeledImages read_cifar10(const std::string& path) {
  return parse_cifar10(read_file(path), path);
}

ImageSplits read_cifar10_folder(const std::string& folder) {
  const std::filesystem::path root(folder);
  std::error_code ec;
  if (!std::filesystem::exists(root / "data_batch_1.bin", ec))
    raise<IoError>(
        "{}: data_batch_1.bin is not there. Hint: fetch "
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz (MD5 "
        "c32a1d4ab5d03f1284b67883e8d87530), unpack it, and name the folder of the .bin files.",
        folder);
  std::vector<std::pair<std::string, std::vector<std::byte>>> files;
  int64_t count = 0;
  for (int i = 1; i <= 5; ++i) {
    const std::string path = (root / format_text("data_batch_{}.bin", i)).string();
    files.emplace_back(path, read_file(path));
    count += records(files.back().second, path);
  }
  ImageSplits out{allocate(count), read_cifar10((root / "test_batch.bin").string())};
  int64_t at = 0;
  for (const auto& [path, bytes] : files) at = append(bytes, path, out.train, at);
  return out;
}

}  // namespace tinytorch::data
