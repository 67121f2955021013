#include "tinytorch/data/csv.h"

#include <cmath>

#include "tests/unit/data/data_test_util.h"

namespace tinytorch::data {
namespace {

CsvTable parse(const std::string& text, const CsvOptions& options = {}) {
  return parse_csv(as_bytes(text), "t.csv", options);
}
std::string error(const std::string& text) {
  return io_error([&] { parse(text); });
}

TEST(Csv, ReadsNumbers) {
  const CsvTable t = parse("1,-2.5\r\n +3 ,\"4e2\"\n\n");
  EXPECT_TRUE(t.columns.empty());
  EXPECT_EQ(t.values.shape(), (Shape{2, 2}));
  EXPECT_EQ(to_vector<float>(t.values), (std::vector<float>{1, -2.5f, 3, 400}));
}

TEST(Csv, HeaderDelimiterAndDtype) {
  const CsvTable t = parse("\xef\xbb\xbfx;\"a;b\"\n0.1;2", {';', DType::kF64});
  EXPECT_EQ(t.columns, (std::vector<std::string>{"x", "a;b"}));
  EXPECT_EQ(to_vector<double>(t.values), (std::vector<double>{0.1, 2}));
  EXPECT_EQ(parse("a,b\n").values.shape(), (Shape{0, 2}));
}

TEST(Csv, GzipByContent) {
  EXPECT_EQ(parse(gzip("1,2\n3,4\n")).values.numel(), 4);
}

TEST(Csv, ErrorsNameLineAndColumn) {
  EXPECT_EQ(error("1,2\n3,x\n"), "t.csv:2:3: found 'x', expected a number.");
  EXPECT_EQ(error("1,2\n3,\n"), "t.csv:2:3: found '', expected a number.");
  EXPECT_EQ(error("1,2\n\n3\n"), "t.csv:3: found 1 fields, expected 2 as in the first line.");
  EXPECT_EQ(error(""), "t.csv: found no line, expected rows of numbers.");
  EXPECT_EQ(error("1\n" + std::string(100, 'y')).size(), std::string("t.csv:2:1: found ''..., "
                                                                     "expected a number.")
                                                                 .size() +
                                                             40);
  EXPECT_THROW(parse("1", {',', DType::kI64}), ConfigError);
}

TEST(Csv, SurvivesAnything) {
  survive_flips("ab,\"c\"\n1,2\n", [](Bytes b, const char* n) { parse_csv(b, n); });
  survive_flips(gzip("1,2\n"), [](Bytes b, const char* n) { parse_csv(b, n); });
}

TEST(Csv, AFaultyFirstRowIsNoHeader) {
  const std::string hint = " Hint: CsvOptions::header for names that look like numbers.";
  EXPECT_EQ(error("1,,3\n4,5,6\n"), "t.csv:1:3: found '', expected a number." + hint);
  EXPECT_EQ(error("1.5,2.O,3\n4,5,6\n"), "t.csv:1:5: found '2.O', expected a number." + hint);
  EXPECT_EQ(error("1,2\r3,4\r"), "t.csv:1: found CR alone, expected lines that end in LF or CRLF.");
  CsvOptions options;
  options.header = true;
  EXPECT_EQ(parse("year,2019,2020\n1,2,3\n", options).columns,
            (std::vector<std::string>{"year", "2019", "2020"}));
  options.header = false;
  EXPECT_THROW(parse("a,b\n1,2\n", options), IoError);
}

TEST(Csv, NumbersBeyondF32AreNotTurnedToInfinity) {
  EXPECT_EQ(error("1,1e300\n"),
            "t.csv:1:3: found '1e300', which f32 cannot hold. Hint: dtype f64.");
  EXPECT_EQ(to_vector<double>(parse("1e300,inf\n", {',', DType::kF64}).values)[0], 1e300);
  EXPECT_TRUE(std::isinf(to_vector<float>(parse("inf\n").values)[0]));
}

}  // namespace
}  // namespace tinytorch::data
