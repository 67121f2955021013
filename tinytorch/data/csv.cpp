#include "tinytorch/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

namespace {

struct Field {
  std::string_view text;  // without blanks and quotes
  size_t column;          // of the line, from 1
};

std::string_view trim(std::string_view s) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  if (s.size() >= 2 && s.front() == '"' && s.back() == '"') s = s.substr(1, s.size() - 2);
  return s;
}

void split(std::string_view line, char delimiter, std::vector<Field>& out) {
  out.clear();
  for (size_t begin = 0;;) {
    // A quoted name may hold the delimiter; a quoted number cannot, so no escapes are needed.
    size_t from = begin;
    while (from < line.size() && (line[from] == ' ' || line[from] == '\t')) ++from;
    if (from < line.size() && line[from] == '"')
      from = std::min(line.find('"', from + 1), line.size());
    const size_t end = std::min(line.find(delimiter, from), line.size());
    out.push_back({trim(line.substr(begin, end - begin)), begin + 1});
    if (end == line.size()) return;
    begin = end + 1;
  }
}

bool parse_number(std::string_view text, double& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

class Parser {
 public:
  Parser(std::string_view name, const CsvOptions& options) : name_(name), options_(options) {}

  void line(std::string_view text) {
    ++line_;
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (text.find('\r') != text.npos)
      raise<IoError>("{}:{}: found CR alone, expected lines that end in LF or CRLF.", name_, line_);
    if (trim(text).empty()) return;
    split(text, options_.delimiter, fields_);
    if (width_ == 0) {
      width_ = fields_.size();
      if (is_header()) return;
    }
    if (fields_.size() != width_)
      raise<IoError>("{}:{}: found {} fields, expected {} as in the first line.", name_, line_,
                     fields_.size(), width_);
    for (const Field& f : fields_) {
      double value = 0;
      if (!parse_number(f.text, value))
        raise<IoError>("{}:{}:{}: found {}, expected a number.{}", name_, line_, f.column,
                       printable(f.text),
                       values_.size() < width_ && columns_.empty()
                           ? " Hint: CsvOptions::header for names that look like numbers."
                           : "");
      if (options_.dtype == DType::kF32 && std::isfinite(value) &&
          !std::isfinite(static_cast<float>(value)))
        raise<IoError>("{}:{}:{}: found {}, which f32 cannot hold. Hint: dtype f64.", name_, line_,
                       f.column, printable(f.text));
      values_.push_back(value);
    }
  }

  CsvTable finish() {
    if (width_ == 0) raise<IoError>("{}: found no line, expected rows of numbers.", name_);
    const Shape shape{static_cast<int64_t>(values_.size() / width_), static_cast<int64_t>(width_)};
    if (options_.dtype == DType::kF64) return {columns_, from_vector(values_, shape)};
    return {columns_, from_vector(std::vector<float>(values_.begin(), values_.end()), shape)};
  }

 private:
  // A line with some numbers is more likely a row with a mistake.
  bool is_header() {
    double ignored;
    const bool names =
        options_.header.value_or(std::none_of(fields_.begin(), fields_.end(), [&](const Field& f) {
          return parse_number(f.text, ignored);
        }));
    if (names)
      for (const Field& f : fields_) columns_.emplace_back(f.text);
    return names;
  }

  std::string_view name_;
  const CsvOptions& options_;
  std::vector<Field> fields_;
  std::vector<std::string> columns_;
  std::vector<double> values_;
  size_t width_ = 0, line_ = 0;
};

}  // namespace

CsvTable parse_csv(Bytes bytes, std::string_view name, const CsvOptions& options) {
  if (options.dtype != DType::kF32 && options.dtype != DType::kF64)
    raise<ConfigError>("read_csv: dtype {} is not f32 or f64.", dtype_name(options.dtype));
  std::vector<std::byte> inflated;
  if (is_gzip(bytes)) bytes = inflated = gunzip(bytes, name, kMaxText);
  std::string_view text = as_text(bytes);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // byte order mark
  Parser parser(name, options);
  while (!text.empty()) {
    const size_t end = text.find('\n');
    parser.line(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return parser.finish();
}

CsvTable read_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_file(path), path, options);
}

}  // namespace tinytorch::data
