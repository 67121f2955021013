#include "tinytorch/data/safetensors.h"

#include "tests/unit/data/data_test_util.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {
namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
  std::string out(8, '\0');
  for (int i = 0; i < 8; ++i)
    out[static_cast<size_t>(i)] = static_cast<char>(header.size() >> (8 * i));
  return out + header + data;
}
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}
std::string error(const std::string& file) {
  return io_error([&] { parse_safetensors(as_bytes(file), "m.st"); });
}
std::string header_error(const std::string& header, size_t data = 8) {
  return error(file_of(header, std::string(data, '\0')));
}

TEST(Safetensors, WrittenFilesReadBack) {
  const TempFolder folder;
  const std::string path = folder / "m.safetensors";
  TensorFile file;
  file.metadata = {{"format", "pt"}, {"note", "a \"quote\"\né"}};
  file.tensors = {{"b.weight", arange(0, 6, 1, DType::kF32).view({2, 3}).t()},
                  {"a", Tensor::of({1, 0, 1}, {}, DType::kBool)},
                  {"scalar", scalar_tensor(2.5, DType::kF64)},
                  {"half", Tensor::of({1.5, -2}, {}, DType::kBF16)},
                  {"empty", zeros({0, 4})},
                  {"i", arange(3)},
                  {"i32", Tensor::of({-5}, {}, DType::kI32)},
                  {"i8", Tensor::of({-5}, {}, DType::kI8)},
                  {"u8", Tensor::of({250}, {}, DType::kU8)}};
  write_safetensors(path, file);
  const TensorFile back = read_safetensors(path);
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, x] : file.tensors) {
    const Tensor* y = back.find(name);
    ASSERT_NE(y, nullptr) << name;
    EXPECT_EQ(y->dtype(), x.dtype());
    EXPECT_EQ(y->shape(), x.shape());
    EXPECT_EQ(y->str(), x.str());
  }
  // Sorted by element size, then name: equal content gives equal bytes whatever the order given.
  EXPECT_EQ(back.tensors[0].first, "i");
  EXPECT_EQ(back.tensors[1].first, "scalar");
  EXPECT_EQ(back.tensors[2].first, "b.weight");
  std::reverse(file.tensors.begin(), file.tensors.end());
  write_safetensors(folder / "n.safetensors", file);
  EXPECT_EQ(read_file(path), read_file(folder / "n.safetensors"));
}

TEST(Safetensors, ReadsWhatOthersWrite) {
  const std::string header = "{" + entry("y", "F32", "[1]", "[2,6]") + ", " +
                             entry("x", "U8", "[2]", "[0,2]") +
                             R"(, "__metadata__": {"k": "v"} })" + std::string(5, ' ');
  const TensorFile f =
      parse_safetensors(as_bytes(file_of(header, std::string("ab\0\0\x80?", 6))), "m.st");
  EXPECT_EQ(f.tensors[0].first, "y");  // the order of the header
  EXPECT_EQ(f.find("y")->item(), 1.0);
  EXPECT_EQ(to_vector<uint8_t>(*f.find("x")), (std::vector<uint8_t>{'a', 'b'}));
  EXPECT_EQ(f.metadata.at("k"), "v");
  EXPECT_EQ(f.find("z"), nullptr);
  EXPECT_TRUE(parse_safetensors(as_bytes(file_of("{}")), "m.st").tensors.empty());
}

TEST(Safetensors, HostileHeadersAreRefused) {
  EXPECT_EQ(error("abc"),
            "m.st: at byte 0, header length: found the end of the file after 3 bytes, expected 8 "
            "bytes.");
  EXPECT_EQ(error(std::string(8, '\xff') + "{}"),
            "m.st: at byte 0, header length: found 18446744073709551615, expected at most 2.");
  EXPECT_NE(error(file_of("[]")).find("header: found '[]', expected '{'"), std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F16", "[4]", "[0,8]") + "}").find("half precision"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "Q4", "[4]", "[0,8]") + "}").find("found 'Q4'"),
            std::string::npos);
  EXPECT_EQ(
      header_error("{" + entry("x", "F32", "[3]", "[0,8]") + "}"),
      "m.st: at byte 8, data_offsets of 'x': found [0, 8], expected 12 bytes for shape [3] of "
      "F32.");
  EXPECT_NE(header_error("{" + entry("x", "F32", "[2]", "[8,0]") + "}").find("begin <= end <= 8"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[4]", "[0,16]") + "}").find("begin <= end <= 8"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[1]", "[0,4]") + "," +
                         entry("y", "F32", "[1]", "[0,4]") + "}")
                .find("neither overlap nor leave holes"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[1]", "[4,8]") + "}").find("leave holes"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[1]", "[0,4]") + "}").find("4 bytes used"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[4294967296,4294967296,4]", "[0,8]") + "}")
                .find("fits memory"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[0,18446744073709551615]", "[0,0]") + "}")
                .find("at most 8 dimensions of at most 2^48"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[-1]", "[0,8]") + "}").find("found -1"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[2.0]", "[0,8]") + "}").find("found 2.0"),
            std::string::npos);
  EXPECT_NE(header_error("{" + entry("x", "F32", "[2]", "[0,8]") + "," +
                         entry("x", "F32", "[2]", "[0,8]") + "}")
                .find("the name 'x' twice"),
            std::string::npos);
  EXPECT_NE(header_error(R"({"x":{"dtype":"F32","shape":[2]}})").find("an incomplete entry"),
            std::string::npos);
  EXPECT_NE(header_error(R"({"x":{"dtype":"F32","color":[2]}})").find("the key 'color'"),
            std::string::npos);
  EXPECT_NE(header_error(R"({"x":[1]})").find("found a list"), std::string::npos);
  EXPECT_NE(header_error(R"({"__metadata__":{"a":{}}})").find("expected a string"),
            std::string::npos);
  EXPECT_NE(header_error("{\"x\"").find("valid JSON"), std::string::npos);
  EXPECT_NE(header_error("{" + std::string(100000, '[')).find("m.st"), std::string::npos);
  EXPECT_NE(error(file_of("{" + entry("x", "BOOL", "[1]", "[0,1]") + "}", "\7"))
                .find("BOOL data of 'x': found a byte above 1"),
            std::string::npos);
}

TEST(Safetensors, DamagedFilesAreRefused) {
  const std::string file = file_of(
      "{" + entry("x", "I32", "[1]", "[0,4]") + "," + entry("b", "BOOL", "[2]", "[4,6]") + "}",
      std::string("\1\2\3\4\0\1", 6));
  expect_prefixes_refused(file, parse_safetensors);
  survive_flips(file, parse_safetensors);
}

TEST(Safetensors, RefusesToWriteWhatCannotBeRead) {
  const TempFolder folder;
  const std::string path = folder / "m";
  const Tensor one = zeros({1}), wide = zeros({1}, DType::kF64);
  EXPECT_NE(io_error([&] {
              write_safetensors(path, {{{"a", one}, {"a", wide}}, {}});
            }).find("stands twice"),
            std::string::npos);
  EXPECT_NE(
      io_error([&] { write_safetensors(path, {{{"__metadata__", one}}, {}}); }).find("reserved"),
      std::string::npos);
  EXPECT_NE(io_error([&] { write_safetensors(path, {{{"\xff", one}}, {}}); }).find("not UTF-8"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace tinytorch::data
