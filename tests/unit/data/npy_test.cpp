#include "tinytorch/data/npy.h"

#include "tests/unit/data/data_test_util.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {
namespace {

std::string npy(const std::string& header, const std::string& elements, char major = 1) {
  std::string out = "\x93NUMPY";
  out += major;
  out += '\0';
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  if (major > 1) out += std::string(2, '\0');
  return out + header + elements;
}
std::string head(const std::string& descr, const std::string& shape,
                 const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}
template <class T>
std::string raw(const std::vector<T>& v) {
  return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T)};
}
Tensor parse(const std::string& file) {
  return parse_npy(as_bytes(file), "x.npy");
}
std::string error(const std::string& file) {
  return io_error([&] { parse(file); });
}

TEST(Npy, ReadsEveryDtype) {
  EXPECT_EQ(to_vector<float>(parse(npy(head("<f4", "(2,)"), raw<float>({1.5f, -2})))),
            (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(to_vector<double>(parse(npy(head("<f8", "(1,)"), raw<double>({1e300})))),
            std::vector<double>{1e300});
  EXPECT_EQ(to_vector<int64_t>(parse(npy(head("<i8", "(1,)"), raw<int64_t>({-7})))),
            std::vector<int64_t>{-7});
  EXPECT_EQ(to_vector<int32_t>(parse(npy(head("=i4", "(1,)"), raw<int32_t>({-7})))),
            std::vector<int32_t>{-7});
  EXPECT_EQ(to_vector<int8_t>(parse(npy(head("|i1", "(1,)"), "\xff"))), std::vector<int8_t>{-1});
  EXPECT_EQ(to_vector<uint8_t>(parse(npy(head("|u1", "(1,)"), "\xff"))), std::vector<uint8_t>{255});
  EXPECT_EQ(to_vector<bool>(parse(npy(head("|b1", "(2,)"), std::string("\1\0", 2)))),
            (std::vector<bool>{true, false}));
}

TEST(Npy, ShapesOrdersAndVersions) {
  EXPECT_EQ(parse(npy(head("<f4", "()"), raw<float>({3}))).item(), 3);
  EXPECT_EQ(parse(npy(head("<f4", "(0, 3)"), "")).shape(), (Shape{0, 3}));
  EXPECT_EQ(to_vector<int32_t>(parse(npy(head(">i4", "(1,)"), std::string("\0\0\1\2", 4)))),
            std::vector<int32_t>{258});
  const Tensor f = parse(npy(head("<f4", "(2, 3)", "True"), raw<float>({0, 1, 2, 3, 4, 5})));
  EXPECT_EQ(f.shape(), (Shape{2, 3}));
  EXPECT_TRUE(f.is_contiguous());
  EXPECT_EQ(to_vector<float>(f), (std::vector<float>{0, 2, 4, 1, 3, 5}));
  EXPECT_EQ(parse(npy(head("<f4", "(1L, 1,)"), raw<float>({3}), 2)).numel(), 1);
  EXPECT_EQ(
      parse(npy("{\"shape\":(1),'fortran_order':False,'descr':'<f4'}", raw<float>({3}), 3)).shape(),
      (Shape{1}));
}

TEST(Npy, ErrorsNameFieldOffsetFoundAndExpected) {
  EXPECT_EQ(error("PK\3\4zip"),
            "x.npy: at byte 0, magic: found 'PK\\x03\\x04zi', expected \\x93NUMPY (a .npy file).");
  EXPECT_EQ(
      error(npy(head("<f2", "(1,)"), "ab")),
      "x.npy: at byte 20, descr: found '<f2' (f16), expected f4, f8, i8, i4, i1, u1 or b1 with "
      "byte order < > | or =.");
  EXPECT_NE(error(npy(head("|O", "(1,)"), "ab")).find("descr: found '|O'"), std::string::npos);
  EXPECT_EQ(error(npy(head("<f4", "(2, 3)"), "abcd")),
            "x.npy: at byte 70, elements: found 4 bytes, expected 24 for shape [2, 3] of f32.");
  EXPECT_NE(error(npy(head("<f4", "(-1,)"), "")).find("a size of 0 or more"), std::string::npos);
  EXPECT_NE(error(npy(head("<f4", "(4611686018427387904, 4)"), "")).find("fits memory"),
            std::string::npos);
  EXPECT_NE(error(npy(head("<f4", "(1,1,1,1,1,1,1,1,1)"), "")).find("at most 8"),
            std::string::npos);
  EXPECT_NE(error(npy(head("|b1", "(2,)"), "\1\2")).find("bool element: found a byte above 1"),
            std::string::npos);
  EXPECT_NE(error(npy("{'descr': '<f4', 'shape': (1,)}", "abcd")).find("no key 'fortran_order'"),
            std::string::npos);
  EXPECT_NE(error(npy("{'descr': '<f4', 'descr': '<f4'}", "")).find("twice"), std::string::npos);
  EXPECT_NE(error(npy(head("<f4", "(1,)") + "x", "abcd")).find("nothing after"), std::string::npos);
  EXPECT_NE(error(npy(head("<f4", "(1,)"), "abcd", 4)).find("version: found 4.0"),
            std::string::npos);
  std::string huge = npy("", "", 2);
  huge.replace(8, 4, "\xff\xff\xff\xff");
  EXPECT_NE(error(huge).find("header length: found 4294967295"), std::string::npos);
}

TEST(Npy, DamagedFilesAreRefused) {
  const std::string file = npy(head("<i4", "(2, 2)", "True"), raw<int32_t>({1, 2, 3, 4}));
  expect_prefixes_refused(file, parse_npy);
  survive_flips(file, parse_npy);
}

TEST(Npy, WrittenFilesReadBack) {
  const TempFolder folder;
  const std::string path = folder / "a.npy";
  const Tensor x = arange(0, 6, 1, DType::kF32).view({2, 3});
  for (const Tensor& t : {x, x.t(), x.select(0, 1), scalar_tensor(2.5, DType::kF64), zeros({0, 2}),
                          Tensor::of({1, 0}, {}, DType::kBool), arange(3)}) {
    write_npy(path, t);
    const Tensor back = read_npy(path);
    EXPECT_EQ(back.shape(), t.shape());
    EXPECT_EQ(back.dtype(), t.dtype());
    EXPECT_EQ(back.str(), t.str());
    // The elements start on a 64-byte boundary, as NumPy writes them.
    EXPECT_EQ((read_file(path).size() - static_cast<size_t>(t.numel()) * item_size(t.dtype())) % 64,
              0u);
  }
  EXPECT_THROW(write_npy(path, zeros({1}, DType::kBF16)), DTypeError);
  EXPECT_EQ(to_vector<int64_t>(read_npy(path)), (std::vector<int64_t>{0, 1, 2}));  // untouched
}

}  // namespace
}  // namespace tinytorch::data
