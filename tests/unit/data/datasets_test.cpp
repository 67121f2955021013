#include "tinytorch/data/datasets.h"

#include <cmath>
#include <cstdlib>

#include "tests/unit/data/data_test_util.h"
#include "tinytorch/data/csv.h"
#include "tinytorch/data/idx.h"

namespace tinytorch::data {
namespace {

Batch all_of(const std::shared_ptr<const Dataset>& d, DType dtype = DType::kF32) {
  DataLoader loader(d, {.batch_size = d->size(), .dtype = dtype});
  return *loader.next();
}

TEST(Datasets, DigitsAreTheRowsOfTheFile) {
  const DataSource d = load_dataset("digits", {.normalize = Normalize::kNone});
  EXPECT_EQ(d.train->size(), 1438);
  EXPECT_EQ(d.test->size(), 359);
  EXPECT_EQ(d.train->x_shape(), (Shape{1, 8, 8}));
  EXPECT_EQ(d.classes, 10);
  const Tensor rows = read_csv(shipped_data("digits.csv.gz")).values;
  const Batch train = all_of(d.train), test = all_of(d.test);
  int64_t at[2] = {0, 0};
  for (int64_t row = 0; row < rows.size(0); ++row) {
    const bool is_test = row % 5 == 4;
    const Batch& part = is_test ? test : train;
    const int64_t i = at[is_test]++;
    const float* wanted = rows.data<float>() + row * 65;
    for (int64_t p = 0; p < 64; ++p)
      ASSERT_EQ(part.x.data<float>()[i * 64 + p], wanted[p] / 16) << "row " << row;
    ASSERT_EQ(part.y.data<int64_t>()[i], static_cast<int64_t>(wanted[64]));
  }
}

TEST(Datasets, StandardNormalizesByTheTrainingSet) {
  const DataSource d = load_dataset("fashion-mnist-small", {.flatten = true});
  EXPECT_EQ(d.train->size(), 2000);
  EXPECT_EQ(d.test->size(), 500);
  EXPECT_EQ(d.train->x_shape(), (Shape{784}));
  // Against plain sums over the raw file.
  const ImageSplits raw = read_idx_folder(shipped_data("fashion-mnist-small"));
  const std::vector<uint8_t> pixels = to_vector<uint8_t>(raw.train.images);
  double mean = 0, variance = 0;
  for (const uint8_t p : pixels) mean += p / 255.0;
  mean /= static_cast<double>(pixels.size());
  for (const uint8_t p : pixels) variance += (p / 255.0 - mean) * (p / 255.0 - mean);
  variance /= static_cast<double>(pixels.size());
  EXPECT_NEAR(d.stats.mean[0], mean, 1e-12);
  EXPECT_NEAR(d.stats.deviation[0], std::sqrt(variance), 1e-10);
  const Batch x64 = all_of(d.train, DType::kF64);
  const Batch x32 = all_of(d.train);
  for (size_t i = 0; i < pixels.size(); i += 997) {
    const double wanted = (pixels[i] / 255.0 - mean) / std::sqrt(variance);
    ASSERT_NEAR(x64.x.data<double>()[i], wanted, 1e-10);
    ASSERT_EQ(x32.x.data<float>()[i], static_cast<float>(x64.x.data<double>()[i]));
  }
  EXPECT_EQ(x32.y.data<int64_t>()[0], 9);  // an ankle boot
}

TEST(Datasets, EveryChannelHasItsOwnStatistics) {
  Tensor images = empty({2, 3, 1, 2}, DType::kU8);
  const uint8_t values[] = {0, 255, 10, 10, 0, 0, 255, 0, 10, 10, 0, 51};
  std::copy(std::begin(values), std::end(values), images.data<uint8_t>());
  const ChannelStats s = channel_stats(images, 255);
  EXPECT_DOUBLE_EQ(s.mean[0], 0.5);
  EXPECT_DOUBLE_EQ(s.deviation[0], 0.5);
  EXPECT_DOUBLE_EQ(s.mean[1], 10 / 255.0);
  EXPECT_EQ(s.deviation[1], 1);  // constant
  EXPECT_DOUBLE_EQ(s.mean[2], 0.05);
  const auto d = std::make_shared<ImageDataset>("t", images, Tensor::of({1, 0}, {}, DType::kU8), 2,
                                                255, s, false);
  const std::vector<float> x = to_vector<float>(all_of(d).x);
  EXPECT_EQ(x[0], -1);
  EXPECT_EQ(x[1], 1);
  EXPECT_EQ(x[2], 0);
  EXPECT_EQ(io_error([&] {
              ImageDataset("t", images, Tensor::of({1, 2}, {}, DType::kU8), 2, 255, s, false);
            }),
            "t: label 1 is 2, expected 0 to 1.");
}

TEST(Datasets, ErrorsSayWhatToDo) {
  EXPECT_EQ(io_error([] { load_dataset("idx:/nowhere"); }),
            "/nowhere: neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz is there.");
  EXPECT_NE(io_error([] { load_dataset("text:/nowhere.txt"); }).find("No such file"),
            std::string::npos);
  EXPECT_THROW(load_dataset("mnits"), ConfigError);
  EXPECT_THROW(load_dataset("idx:"), ConfigError);
  EXPECT_THROW(normalize_from_name("stnadard"), ConfigError);
  EXPECT_TRUE(has_dataset("digits"));
  EXPECT_FALSE(has_dataset("idx:/nowhere"));
  EXPECT_FALSE(has_dataset("cifar10:/nowhere"));
}

TEST(Datasets, TheEnvironmentComesFirst) {
  const TempFolder folder;
  std::string row;
  for (int i = 0; i < 64; ++i) row += "16,";
  std::string file;
  for (int i = 0; i < 5; ++i) file += row + std::to_string(i) + "\n";
  write_raw(folder / "digits.csv.gz", file);
  setenv("TINYTORCH_DATA", folder.path().c_str(), 1);
  const DataSource d = load_dataset("digits");
  write_raw(folder / "digits.csv.gz", file + row + "10\n");
  const std::string text = io_error([] { load_dataset("digits"); });
  unsetenv("TINYTORCH_DATA");
  EXPECT_EQ(d.train->size(), 4);
  EXPECT_NE(text.find("row 6, column 65: found 10, expected a whole number from 0 to 9"),
            std::string::npos)
      << text;
}

TEST(Text, RefusesWhatIsNotUtf8) {
  const TempFolder folder;
  for (const char* bad :
       {"ab\xff", "ab\xc3", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80"}) {
    write_raw(folder / "t", bad);
    EXPECT_NE(io_error([&] { read_text(folder / "t"); }).find("t: at byte 2, text: found '\\x"),
              std::string::npos);
  }
}

TEST(Text, UnshuffledWindowsAreConsecutive) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>('0' + i % 10);
  write_raw(folder / "t", text);
  const DataSource d = load_dataset("text:" + (folder / "t"), {.block_size = 4});
  EXPECT_TRUE(d.is_text());
  EXPECT_EQ(d.classes, 10);
  EXPECT_EQ(d.train->size(), 22);  // (90 - 1) / 4
  EXPECT_EQ(d.test->size(), 2);
  const Batch b = all_of(d.train);
  EXPECT_EQ(b.x.dtype(), DType::kI64);
  for (int64_t i = 0; i < b.x.numel(); ++i) {
    EXPECT_EQ(b.x.data<int64_t>()[i], i % 10);
    EXPECT_EQ(b.y.data<int64_t>()[i], (i + 1) % 10);
  }
  EXPECT_NE(io_error([&] {
              load_dataset("text:" + (folder / "t"), {.block_size = 10});
            }).find("found 90 tokens for training and 10 for testing"),
            std::string::npos);
}

TEST(Text, ShuffledWindowsStartAnywhereAndDifferByEpoch) {
  std::vector<int32_t> tokens(1000);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i);
  const TextDataset d(tokens, 8);
  const std::vector<int64_t> a = d.order(true, 5, 0);
  EXPECT_EQ(a.size(), 124u);
  EXPECT_NE(a, d.order(true, 5, 1));
  EXPECT_EQ(a, d.order(true, 5, 0));
  EXPECT_TRUE(std::any_of(a.begin(), a.end(), [](int64_t s) { return s % 8 != 0; }));
  // The last window that fits starts at 991.
  const Tensor x = empty({1, 8}, DType::kI64), y = empty({1, 8}, DType::kI64);
  const int64_t last[] = {991};
  d.fill(last, x, y);
  EXPECT_EQ(y.data<int64_t>()[7], 999);
  const std::vector<int64_t> many = random_order(20000, 992, 1, 0);
  EXPECT_EQ(*std::max_element(many.begin(), many.end()), 991);
}

}  // namespace
}  // namespace tinytorch::data
