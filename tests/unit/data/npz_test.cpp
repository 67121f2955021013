#include "tinytorch/data/npz.h"

#include "tests/unit/data/data_test_util.h"
#include "tinytorch/data/file.h"
#include "tinytorch/data/zip.h"

namespace tinytorch::data {
namespace {

const std::string kNumpy = TINYTORCH_SOURCE_DIR "/tests/golden/npz/";

std::string content_of(const std::string& path) {
  return std::string(as_text(read_file(path)));
}
std::string error(const std::string& file) {
  return io_error([&] { parse_npz(as_bytes(file), "x.npz"); });
}
NamedArrays some() {
  const Tensor x = arange(0, 6, 1, DType::kF32).view({2, 3});
  return {{"x", x.t()}, {"steps", scalar_tensor(7, DType::kI64)}, {"none", zeros({0, 2})}};
}
// The bytes that write_npz gives.
std::string written(const NamedArrays& arrays, bool compressed = false) {
  const TempFolder folder;
  write_npz(folder / "a.npz", arrays, compressed);
  return content_of(folder / "a.npz");
}
// The same with zip64's wide fields throughout.
std::string wide(const NamedArrays& arrays) {
  const TempFolder folder;
  ZipWriter zip(folder / "a.npz", false, true);
  for (const auto& [name, x] : arrays) {
    const Tensor dense = x.contiguous();
    const std::string head = npy_header(x, "test");
    const Bytes parts[] = {as_bytes(head),
                           {static_cast<const std::byte*>(dense.raw_data()),
                            static_cast<size_t>(dense.numel()) * item_size(dense.dtype())}};
    zip.add(name + ".npy", parts);
  }
  zip.commit();
  return content_of(folder / "a.npz");
}
void expect_equal(const NamedArrays& a, const NamedArrays& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_EQ(a[i].second.dtype(), b[i].second.dtype());
    EXPECT_EQ(a[i].second.shape(), b[i].second.shape());
    EXPECT_EQ(a[i].second.str(), b[i].second.str());
  }
}
// `file` with `bytes` put at `offset`, counted from the end when negative.
std::string with(std::string file, std::ptrdiff_t offset, std::string_view bytes) {
  const size_t at =
      static_cast<size_t>(offset < 0 ? static_cast<std::ptrdiff_t>(file.size()) + offset : offset);
  return file.replace(at, bytes.size(), bytes);
}
std::ptrdiff_t central(const std::string& file, int member = 0) {
  size_t at = file.find("PK\1\2");
  while (member-- > 0) at = file.find("PK\1\2", at + 1);
  return static_cast<std::ptrdiff_t>(at);
}

TEST(Npz, ReadsWhatNumpyWrites) {
  for (const char* file : {"savez.npz", "savez_compressed.npz", "streamed.npz"}) {
    SCOPED_TRACE(file);
    const NamedArrays arrays = read_npz(kNumpy + file);
    ASSERT_GE(arrays.size(), 5u);
    const char* names[] = {"weight",
                           "columns",
                           "flag",
                           "gr\xc3\xb6\xc3\x9f"
                           "e",
                           "empty",
                           "zeros"};
    for (size_t i = 0; i < arrays.size(); ++i) EXPECT_EQ(arrays[i].first, names[i]);
    EXPECT_EQ(arrays[0].second.shape(), (Shape{2, 3}));
    EXPECT_EQ(to_vector<float>(arrays[0].second),
              (std::vector<float>{0, 0.25f, 0.5f, 0.75f, 1, 1.25f}));
    EXPECT_EQ(to_vector<int64_t>(arrays[1].second), (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(arrays[2].second.dtype(), DType::kBool);
    EXPECT_EQ(arrays[2].second.dim(), 0);
    EXPECT_EQ(arrays[2].second.item(), 1);
    EXPECT_EQ(to_vector<double>(arrays[3].second), std::vector<double>{1e300});
    EXPECT_EQ(arrays[4].second.shape(), (Shape{0, 3}));
    if (arrays.size() == 6) {
      EXPECT_EQ(to_vector<int32_t>(arrays[5].second), std::vector<int32_t>(1000, 0));
    }
  }
}

TEST(Npz, WrittenArchivesReadBack) {
  for (const bool compressed : {false, true}) {
    const std::string file = written(some(), compressed);
    expect_equal(parse_npz(as_bytes(file), "x.npz"), some());
    EXPECT_EQ(file, written(some(), compressed));  // no times: equal arrays, equal bytes
  }
  EXPECT_TRUE(parse_npz(as_bytes(written({})), "x.npz").empty());
  expect_equal(parse_npz(as_bytes(wide(some())), "x.npz"), some());
  const Tensor many = zeros({300000});
  EXPECT_LT(written({{"zeros", many}}, true).size(), 3000u);
  expect_equal(parse_npz(as_bytes(written({{"zeros", many}}, true)), "x.npz"), {{"zeros", many}});
}

TEST(Npz, NothingIsWrittenWhenANameOrTypeIsWrong) {
  const TempFolder folder;
  const std::string path = folder / "a.npz";
  const Tensor x = zeros({1});
  write_npz(path, {{"x", x}});
  EXPECT_THROW(write_npz(path, {{"y", x}, {"y", x}}), IoError);
  EXPECT_THROW(write_npz(path, {{"\xff", x}}), IoError);
  EXPECT_THROW(write_npz(path, {{std::string(65532, 'n'), x}}), IoError);
  EXPECT_THROW(write_npz(path, {{"y", x}, {"z", zeros({1}, DType::kBF16)}}), DTypeError);
  EXPECT_EQ(read_npz(path)[0].first, "x");
}

TEST(Npz, OneArrayByName) {
  const TempFolder folder;
  const std::string path = folder / "a.npz", one = folder / "one.npz", npy = folder / "a.npy";
  write_npz(path, some());
  write_npz(one, {{"y", arange(3)}});
  write_npy(npy, arange(4));
  EXPECT_EQ(read_array(path, "steps").item(), 7);
  EXPECT_EQ(read_array(one).numel(), 3);
  EXPECT_EQ(read_array(npy).numel(), 4);
  EXPECT_EQ(io_error([&] { read_array(path); }),
            path +
                ": holds 3 arrays ('x', 'steps', 'none'), expected one. Hint: say which by its "
                "name.");
  EXPECT_EQ(io_error([&] { read_array(path, "w"); }),
            path + ": has no array 'w'. It holds: 'x', 'steps', 'none'.");
  EXPECT_NE(io_error([&] { read_array(npy, "w"); }).find("is no .npz archive"), std::string::npos);
}

TEST(Npz, DamageIsNamed) {
  const std::string file = written({{"a", arange(4)}, {"b", arange(4)}});
  const std::ptrdiff_t first = central(file), second = central(file, 1);
  EXPECT_EQ(error("no archive"),
            "x.npz: at byte 10, end of the archive: found no ZIP end record, expected a whole ZIP "
            "archive (.npz).");
  EXPECT_NE(error(with(file, 170, "\x55")).find("CRC-32 of 'a': found "), std::string::npos);
  EXPECT_NE(error(with(file, first + 10, "\x0c")).find("method of 'a.npy': found 12"),
            std::string::npos);
  EXPECT_NE(error(with(file, first + 8, "\1")).find("found encryption"), std::string::npos);
  EXPECT_NE(error(with(file, first + 24, "\1")).find("as it is stored"), std::string::npos);
  EXPECT_NE(error(with(file, second + 46, "a")).find("'a.npy' twice"), std::string::npos);
  EXPECT_NE(error(with(file, first + 46, "c")).find("found 'a.npy', method 0"), std::string::npos);
  EXPECT_NE(error(with(file, first + 46, "\xff")).find("expected UTF-8"), std::string::npos);
  EXPECT_NE(error(with(with(file, -14, "\3"), -12, "\3")).find("number of members: found 3"),
            std::string::npos);
  EXPECT_NE(error(with(file, -12, "\1")).find("several"), std::string::npos);
  EXPECT_NE(error(with(with(file, -14, "\1"), -12, "\1")).find("bytes more"), std::string::npos);
  EXPECT_NE(error(with(file, -6, "\1")).find("central directory: found "), std::string::npos);
  EXPECT_NE(error(with(file, first + 45, "\x7f")).find("found the end of the file"),
            std::string::npos);
  const auto txt = with(with(file, static_cast<std::ptrdiff_t>(file.find(".npy") + 1), "txt"),
                        first + 48, "txt");
  EXPECT_NE(error(txt).find("'a.txt', expected a name that ends in .npy"), std::string::npos);
  // A broken array is named after the archive.
  const TempFolder folder;
  ZipWriter zip(folder / "bad.npz", false);
  const Bytes part = as_bytes("no array");
  zip.add("a.npy", {&part, 1});
  zip.commit();
  EXPECT_EQ(error(content_of(folder / "bad.npz")),
            "x.npz/a: at byte 0, magic: found 'no arr', expected \\x93NUMPY (a .npy file).");
}

TEST(Npz, NothingInflatesWithoutBound) {
  // Members that share their bytes: each entry is sound alone.
  const std::string one = written({{"a", zeros({4})}, {"b", zeros({4})}});
  const std::ptrdiff_t first = central(one), second = central(one, 1);
  std::string shared =
      with(one, second + 42, std::string_view(one).substr(static_cast<size_t>(first) + 42, 4));
  shared = with(shared, second + 46, "A");
  EXPECT_NE(error(shared).find("'A.npy'"), std::string::npos);
  // A member whose header stands inside the data of another.
  const std::string inner = written({{"in", zeros({4})}});
  const std::string body = inner.substr(0, static_cast<size_t>(central(inner)));
  const std::string entry =
      inner.substr(static_cast<size_t>(central(inner)), inner.size() - 22 - body.size());
  const Tensor holder = from_bytes(body.data(), {static_cast<int64_t>(body.size())}, DType::kU8);
  std::string outer = written({{"out", holder}});
  const size_t at = outer.find(body, 1);
  ASSERT_NE(at, std::string::npos);
  std::string moved = entry;
  for (int i = 0; i < 4; ++i) moved[42 + static_cast<size_t>(i)] = static_cast<char>(at >> (8 * i));
  outer.insert(outer.size() - 22, moved);
  const size_t bytes = 46 + 7 + entry.size();
  outer = with(outer, -10, std::string{static_cast<char>(bytes), static_cast<char>(bytes >> 8)});
  outer = with(with(outer, -14, "\2"), -12, "\2");
  EXPECT_NE(error(outer).find("members that do not overlap"), std::string::npos) << error(outer);
  // Sizes that deflated data cannot have, or does not have.
  const std::string deflated = written({{"a", zeros({4})}}, true);
  const std::ptrdiff_t c = central(deflated);
  EXPECT_NE(error(with(deflated, c + 24, "\xff\xff\xff\x7f")).find("can inflate to"),
            std::string::npos);
  EXPECT_NE(error(with(deflated, c + 24, "\x8f")).find("more inflated bytes"), std::string::npos);
  EXPECT_NE(error(with(deflated, c + 24, "\x91")).find("144 inflated bytes"), std::string::npos);
}

TEST(Npz, DamagedFilesAreRefused) {
  const Tensor x = Tensor::of({1, 2}, {}, DType::kU8);
  for (const std::string& file :
       {written({{"x", x}, {"y", x}}), written({{"x", x}}, true), wide({{"x", x}})}) {
    expect_prefixes_refused(file, parse_npz);
    survive_flips(file, parse_npz);
  }
  survive_flips(content_of(kNumpy + "streamed.npz"), parse_npz);
}

}  // namespace
}  // namespace tinytorch::data
