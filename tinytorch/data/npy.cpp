#include "tinytorch/data/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "tinytorch/core/format.h"
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

static_assert(std::endian::native == std::endian::little, "arrays are kept little-endian");

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kLongestHeader = 1 << 16;

struct Code {
  DType dtype;
  std::string_view code;  // NumPy's kind and item size
};
constexpr Code kCodes[] = {{DType::kF32, "f4"}, {DType::kF64, "f8"}, {DType::kI64, "i8"},
                           {DType::kI32, "i4"}, {DType::kI8, "i1"},  {DType::kU8, "u1"},
                           {DType::kBool, "b1"}};

struct Header {
  DType dtype = DType::kF32;
  bool big_endian = false, fortran = false;
  Shape shape;
};

// Reads the dictionary: string keys, values that are a string, True, False or a tuple of numbers.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, size_t offset, std::string_view name)
      : text_(text), offset_(offset), name_(name) {}

  Header parse() {
    expect('{');
    bool seen[3] = {};
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      const int field = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (field < 0) fail("header key", printable(key), "'descr', 'fortran_order' or 'shape'");
      if (seen[field]) fail("header key", printable(key) + " twice", "each key once");
      seen[field] = true;
      if (field == 0) descr();
      if (field == 1) header_.fortran = boolean();
      if (field == 2) shape();
      if (!accept(',') && peek() != '}') fail("header", found(), "',' or '}'");
    }
    skip_blanks();
    if (at_ != text_.size()) fail("header", found(), "nothing after the dictionary");
    for (int i = 0; i < 3; ++i)
      if (!seen[i])
        fail("header",
             "no key " + std::string(i == 0   ? "'descr'"
                                     : i == 1 ? "'fortran_order'"
                                              : "'shape'"),
             "'descr', 'fortran_order' and 'shape'");
    return header_;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail("header", found(), format_text("'{}'", c));
  }
  std::string found() const {
    return at_ < text_.size() ? printable(text_.substr(at_, 12)) : "its end";
  }
  [[noreturn]] void fail(std::string_view field, std::string_view found,
                         std::string_view expected) const {
    refuse(name_, offset_ + at_, field, found, expected);
  }

  std::string_view string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("header", found(), "a string");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == text_.npos) fail("header", found(), "a closed string");
    const std::string_view out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return out;
  }

  void descr() {
    constexpr std::string_view kExpected =
        "f4, f8, i8, i4, i1, u1 or b1 with byte order < > | or =";
    if (peek() == '[') fail("descr", "a structured type", kExpected);
    const size_t start = at_;
    const std::string_view text = string();
    const char order = text.empty() ? '\0' : text[0];
    for (const Code& c : kCodes)
      if (text.size() == 3 && text.substr(1) == c.code &&
          std::string_view("<>|=").find(order) != std::string_view::npos) {
        header_.dtype = c.dtype;
        header_.big_endian = order == '>';
        return;
      }
    at_ = start;
    fail("descr", printable(text) + (text.ends_with("f2") ? " (f16)" : ""), kExpected);
  }

  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    fail("fortran_order", found(), "True or False");
  }

  void shape() {
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      int64_t size = 0;
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) fail("shape", found(), "a size of 0 or more");
      if (header_.shape.rank() == kMaxDims)
        fail("shape", "more dimensions", format_text("at most {}", kMaxDims));
      header_.shape.push_back(size);
      at_ += static_cast<size_t>(end - begin);
      accept('L');  // Python 2 wrote long integers so
      if (!accept(',') && peek() != ')') fail("shape", found(), "',' or ')'");
    }
  }

  std::string_view text_;
  size_t offset_, at_ = 0;
  std::string_view name_;
  Header header_;
};

Header read_header(ByteReader& reader, std::string_view name) {
  const Bytes magic = reader.take(std::min(kMagic.size(), reader.remaining()), "magic");
  if (as_text(magic) != kMagic)
    refuse(name, 0, "magic", printable(as_text(magic)), "\\x93NUMPY (a .npy file)");
  const int major = reader.u8("version"), minor = reader.u8("version");
  if (major < 1 || major > 3 || minor != 0)
    reader.fail(2, "version", format_text("{}.{}", major, minor), "1.0, 2.0 or 3.0");
  const int width = major == 1 ? 2 : 4;
  const uint64_t length = reader.little(width, "header length");
  if (length > kLongestHeader)
    reader.fail(static_cast<size_t>(width), "header length", std::to_string(length),
                format_text("at most {}", kLongestHeader));
  const size_t offset = reader.offset();
  return HeaderParser(as_text(reader.take(length, "header")), offset, name).parse();
}

Tensor row_major(const Tensor& x) {
  // The file walks the first dimension fastest: as row-major data its dimensions are reversed.
  int order[kMaxDims];
  for (int i = 0; i < x.dim(); ++i) order[i] = x.dim() - 1 - i;
  const std::span<const int> dims(order, static_cast<size_t>(x.dim()));
  return alias(x, permute_layout(x.layout(), dims)).contiguous();
}

}  // namespace

Tensor parse_npy(Bytes bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  Header h = read_header(reader, name);
  const size_t item = item_size(h.dtype);
  const auto size = array_bytes({h.shape.begin(), h.shape.end()}, item);
  if (!size || *size != reader.remaining())
    reader.fail(
        0, "elements", format_text("{} bytes", reader.remaining()),
        size ? format_text("{} for shape {} of {}", *size, h.shape.str(), dtype_name(h.dtype))
             : format_text("a shape that fits memory instead of {}", h.shape.str()));
  if (h.dtype == DType::kBool)
    if (const auto bad = first_bad_bool(reader.rest()))
      refuse(name, reader.offset() + *bad, "bool element", "a byte above 1", "0 or 1");
  if (h.fortran) std::reverse(h.shape.begin(), h.shape.end());
  const Tensor out = from_bytes(reader.rest().data(), h.shape, h.dtype);
  if (h.big_endian) swap_byte_order(out.raw_data(), static_cast<size_t>(out.numel()), item);
  return h.fortran && out.dim() > 1 ? row_major(out) : out;
}

Tensor read_npy(const std::string& path) {
  return parse_npy(read_file(path), path);
}

std::string npy_header(const Tensor& x, std::string_view what) {
  const auto* code = std::find_if(std::begin(kCodes), std::end(kCodes),
                                  [&](const Code& c) { return c.dtype == x.dtype(); });
  if (code == std::end(kCodes))
    raise<DTypeError>("{}: NumPy has no type for {}. Hint: to(DType::kF32) first.", what,
                      dtype_name(x.dtype()));
  std::string shape;
  for (const int64_t n : x.shape()) shape += format_text("{}, ", n);
  if (x.dim() > 1) shape.resize(shape.size() - 2);
  if (x.dim() == 1) shape.pop_back();  // (3,): one dimension keeps its comma
  std::string header = format_text("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                   item_size(x.dtype()) > 1 ? '<' : '|', code->code, shape);
  constexpr size_t kFixed = kMagic.size() + 4, kAlign = 64;
  header.append((kAlign - (kFixed + header.size() + 1) % kAlign) % kAlign, ' ');
  header += '\n';
  std::string out(kMagic);
  out += {1, 0, static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  return out + header;
}

void write_npy(const std::string& path, const Tensor& x) {
  const std::string header = npy_header(x, format_text("write_npy ({})", path));
  const Tensor dense = x.contiguous();
  AtomicFile file(path);
  file.write(header);
  file.write(dense.raw_data(), static_cast<size_t>(dense.numel()) * item_size(dense.dtype()));
  file.commit();
}

}  // namespace tinytorch::data
