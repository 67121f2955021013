#include "tinytorch/data/idx.h"

#include "tests/unit/data/data_test_util.h"
#include "tinytorch/data/cifar.h"

namespace tinytorch::data {
namespace {

std::string be32(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

std::string idx(char type, const std::vector<uint32_t>& sizes, const std::string& elements) {
  std::string out{'\0', '\0', type, static_cast<char>(sizes.size())};
  for (const uint32_t n : sizes) out += be32(n);
  return out + elements;
}

Tensor parse(const std::string& file) {
  return parse_idx(as_bytes(file), "t.idx");
}

TEST(Idx, ReadsBytesRowMajor) {
  const Tensor x = parse(idx(0x08, {2, 3}, "abcdef"));
  EXPECT_EQ(x.shape(), (Shape{2, 3}));
  EXPECT_EQ(x.dtype(), DType::kU8);
  EXPECT_EQ(to_vector<uint8_t>(x), (std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
}

TEST(Idx, TurnsBigEndianElements) {
  EXPECT_EQ(to_vector<int32_t>(parse(idx(0x0C, {2}, be32(1) + be32(0xfffffffe)))),
            (std::vector<int32_t>{1, -2}));
  EXPECT_EQ(to_vector<float>(parse(idx(0x0D, {1}, be32(0x3fc00000)))), std::vector<float>{1.5f});
  EXPECT_EQ(to_vector<double>(parse(idx(0x0E, {1}, be32(0x3ff80000) + be32(0)))),
            std::vector<double>{1.5});
}

TEST(Idx, GzipByContent) {
  const std::string file = idx(0x08, {4}, "wxyz");
  EXPECT_EQ(to_vector<uint8_t>(parse(gzip(file))), to_vector<uint8_t>(parse(file)));
  // gzip files may be joined.
  EXPECT_EQ(parse(gzip(file.substr(0, 9)) + gzip(file.substr(9))).numel(), 4);
}

TEST(Idx, ErrorsNameFieldOffsetFoundAndExpected) {
  EXPECT_EQ(io_error([] { parse("PNG!"); }),
            "t.idx: at byte 0, magic: found 'PN', expected two zero bytes (an IDX file).");
  EXPECT_EQ(io_error([] { parse(idx(0x0B, {1}, "ab")); }),
            "t.idx: at byte 2, element type: found 0x0b (i16), expected 0x08 (u8), 0x09 (i8), 0x0c "
            "(i32), 0x0d (f32) or 0x0e (f64).");
  EXPECT_EQ(io_error([] { parse(idx(0x08, {2, 3}, "abcde")); }),
            "t.idx: at byte 12, elements: found 5 bytes, expected 6 for shape [2, 3] of u8.");
  EXPECT_EQ(io_error([] { parse(idx(0x08, {2, 3}, "abcdefg")); }),
            "t.idx: at byte 12, elements: found 7 bytes, expected 6 for shape [2, 3] of u8.");
  EXPECT_NE(io_error([] {
              parse(idx(0x08, std::vector<uint32_t>(9, 1), "a"));
            }).find("rank: found 9, expected at most 8"),
            std::string::npos);
  const std::vector<uint32_t> huge(4, 0xffffffffu);
  EXPECT_NE(io_error([&] { parse(idx(0x0E, huge, "a")); }).find("an array that fits memory"),
            std::string::npos);
}

TEST(Idx, ASmallGzipCannotClaimMuch) {
  const std::string file = gzip(idx(0x08, {0x10000, 0x10000}, "abc"));
  EXPECT_NE(io_error([&] { parse(file); }).find("compressed bytes, expected enough for 4294967308"),
            std::string::npos);
  const std::string bomb = gzip(idx(0x08, {3}, std::string(1 << 22, 'a')));
  EXPECT_NE(io_error([&] { parse(bomb); }).find("more than 11 inflated bytes"), std::string::npos);
}

TEST(Idx, DamagedFilesAreRefused) {
  const std::string file = idx(0x08, {2, 2, 2}, "abcdefgh");
  expect_prefixes_refused(file, parse_idx);
  expect_prefixes_refused(gzip(file), parse_idx);
  survive_flips(file, parse_idx);
  survive_flips(gzip(file), parse_idx);
}

TEST(Idx, FolderOfFour) {
  const TempFolder folder;
  const auto write_pair = [&](const std::string& prefix, uint32_t n, bool zip) {
    std::string images = idx(0x08, {n, 2, 2}, std::string(n * 4, '\5'));
    std::string labels = idx(0x08, {n}, std::string(n, '\1'));
    write_raw(folder / (prefix + "-images-idx3-ubyte" + (zip ? ".gz" : "")),
              zip ? gzip(images) : images);
    write_raw(folder / (prefix + "-labels-idx1-ubyte"), labels);
  };
  EXPECT_EQ(io_error([&] { read_idx_folder(folder.path()); }),
            folder.path() +
                ": neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz is "
                "there.");
  write_pair("train", 3, true);
  write_pair("t10k", 2, false);
  const ImageSplits s = read_idx_folder(folder.path());
  EXPECT_EQ(s.train.images.shape(), (Shape{3, 1, 2, 2}));
  EXPECT_EQ(s.test.labels.shape(), (Shape{2}));
  write_raw(folder / "t10k-labels-idx1-ubyte", idx(0x08, {3}, "abc"));
  EXPECT_NE(io_error([&] { read_idx_folder(folder.path()); }).find("found u8 of shape [3]"),
            std::string::npos);
}

TEST(Cifar, ReadsRecords) {
  std::string file;
  for (const char label : {'\3', '\7'}) {
    file += label;
    for (int i = 0; i < 3072; ++i) file += static_cast<char>(i + label);
  }
  const LabeledImages x = parse_cifar10(as_bytes(file), "c.bin");
  EXPECT_EQ(x.images.shape(), (Shape{2, 3, 32, 32}));
  EXPECT_EQ(to_vector<uint8_t>(x.labels), (std::vector<uint8_t>{3, 7}));
  const auto pixels = to_vector<uint8_t>(x.images);
  EXPECT_EQ(pixels[0], 3);
  EXPECT_EQ(pixels[3072 + 1025], static_cast<uint8_t>(1025 + 7));  // second image, green plane
}

TEST(Cifar, RefusesWrongLengthsAndLabels) {
  const std::string record(3073, '\0');
  EXPECT_EQ(io_error([&] { parse_cifar10(as_bytes(record.substr(1)), "c.bin"); }),
            "c.bin: at byte 0, records: found 3072 bytes, expected a multiple of 3073 (one label, "
            "3072 pixels).");
  EXPECT_NE(io_error([&] { parse_cifar10({}, "c.bin"); }).find("found 0 bytes"), std::string::npos);
  const std::string bad = record + '\12' + record.substr(1);
  EXPECT_EQ(io_error([&] { parse_cifar10(as_bytes(bad), "c.bin"); }),
            "c.bin: at byte 3073, label: found 10, expected 0 to 9 (CIFAR-10).");
  EXPECT_NE(io_error([] { read_cifar10_folder("/nowhere"); }).find("cifar-10-binary.tar.gz"),
            std::string::npos);
}

}  // namespace
}  // namespace tinytorch::data
