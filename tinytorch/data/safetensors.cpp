#include "tinytorch/data/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tinytorch/core/format.h"
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

namespace {

using nlohmann::json;

constexpr size_t kLongestHeader = 100'000'000;  // the limit of the format's own reader
constexpr std::string_view kMetadata = "__metadata__";

struct Name {
  DType dtype;
  std::string_view name;
};
constexpr Name kNames[] = {{DType::kF64, "F64"}, {DType::kF32, "F32"},  {DType::kBF16, "BF16"},
                           {DType::kI64, "I64"}, {DType::kI32, "I32"},  {DType::kI8, "I8"},
                           {DType::kU8, "U8"},   {DType::kBool, "BOOL"}};

struct Entry {
  std::string name;
  std::string dtype;
  Shape shape;
  std::vector<uint64_t> offsets;
  bool has_shape = false;
};

// Builds the entries while the header is parsed, so that a hostile header costs no more memory than
// its own size: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...,
// "__metadata__": {"KEY": "VALUE"}}.
class HeaderHandler : public json::json_sax_t {
 public:
  explicit HeaderHandler(std::string_view name) : file_(name) {}

  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(size_t) override {
    if (depth_ == 2 || in_array_) fail("an object", wanted());
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (depth_-- == 2 && !in_metadata_) finish_entry();
    in_metadata_ = in_metadata_ && depth_ == 2;
    return true;
  }
  bool key(std::string& text) override {
    if (depth_ == 1) {
      if (!names_.insert(text).second)
        fail("the name " + printable(text) + " twice", "each name once");
      in_metadata_ = text == kMetadata;
      if (!in_metadata_) entries.push_back({text, {}, {}, {}, false});
    } else if (in_metadata_) {
      if (metadata.count(text)) fail("metadata " + printable(text) + " twice", "each key once");
    } else if (text != "dtype" && text != "shape" && text != "data_offsets") {
      fail("the key " + printable(text), "dtype, shape or data_offsets");
    }
    key_ = text;
    return true;
  }
  bool string(std::string& text) override {
    if (depth_ == 2 && in_metadata_) {
      metadata[key_] = text;
    } else if (depth_ == 2 && key_ == "dtype" && !in_array_ && entries.back().dtype.empty()) {
      entries.back().dtype = text;
    } else {
      fail(printable(text), wanted());
    }
    return true;
  }
  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_ || in_array_ || key_ == "dtype") fail("a list", wanted());
    Entry& e = entries.back();
    if (key_ == "shape" ? e.has_shape : !e.offsets.empty()) fail("the key twice", "each key once");
    e.has_shape |= key_ == "shape";
    in_array_ = true;
    return true;
  }
  bool end_array() override {
    in_array_ = false;
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    if (!in_array_) fail(std::to_string(value), wanted());
    Entry& e = entries.back();
    if (key_ == "shape") {
      if (e.shape.rank() == kMaxDims || value > uint64_t{1} << 48)
        fail(format_text("size {} of dimension {}", value, e.shape.rank()),
             format_text("at most {} dimensions of at most 2^48", kMaxDims));
      e.shape.push_back(static_cast<int64_t>(value));
    } else {
      if (e.offsets.size() == 2) fail("a third data offset", "two");
      e.offsets.push_back(value);
    }
    return true;
  }
  bool number_integer(int64_t value) override { fail(std::to_string(value), wanted()); }
  bool number_float(double, const std::string& text) override { fail(text, wanted()); }
  bool null() override { fail("null", wanted()); }
  bool boolean(bool value) override { fail(value ? "true" : "false", wanted()); }
  bool binary(json::binary_t&) override { fail("binary", wanted()); }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& e) override {
    refuse(file_, 8 + position, "header", printable(e.what()), "valid JSON");
  }

 private:
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    refuse(file_, 8, depth_ > 0 && !key_.empty() ? "header at " + printable(key_) : "header", found,
           expected);
  }
  std::string wanted() const {
    if (depth_ == 0) return "an object";
    if (depth_ == 1) return "an object with dtype, shape and data_offsets";
    if (in_metadata_) return "a string";
    return key_ == "dtype" ? "one string" : "a list of numbers of 0 or more";
  }
  void finish_entry() {
    const Entry& e = entries.back();
    if (e.dtype.empty() || !e.has_shape || e.offsets.size() != 2) {
      key_ = e.name;
      fail("an incomplete entry", "dtype, shape and two data_offsets");
    }
  }

  std::string_view file_;
  std::set<std::string> names_;
  std::string key_;
  int depth_ = 0;
  bool in_metadata_ = false, in_array_ = false;
};

DType dtype_of_name(const Entry& e, std::string_view file) {
  for (const Name& n : kNames)
    if (n.name == e.dtype) return n.dtype;
  refuse(file, 8, "dtype of " + printable(e.name),
         e.dtype == "F16" ? "F16 (half precision is not supported; convert to F32 or BF16)"
                          : printable(e.dtype),
         "F64, F32, BF16, I64, I32, I8, U8 or BOOL");
}

// Sizes agree with shapes, and the data is covered once, without holes. Returns the dtypes.
std::vector<DType> check_layout(const std::vector<Entry>& entries, size_t data_bytes,
                                std::string_view file) {
  std::vector<DType> dtypes;
  std::vector<const Entry*> by_offset;
  for (const Entry& e : entries) {
    dtypes.push_back(dtype_of_name(e, file));
    const auto bytes = array_bytes({e.shape.begin(), e.shape.end()}, item_size(dtypes.back()));
    const std::string offsets = format_text("[{}, {}]", e.offsets[0], e.offsets[1]);
    if (e.offsets[0] > e.offsets[1] || e.offsets[1] > data_bytes)
      refuse(file, 8, "data_offsets of " + printable(e.name), offsets,
             format_text("begin <= end <= {}, the bytes of data in the file", data_bytes));
    if (!bytes || *bytes != e.offsets[1] - e.offsets[0])
      refuse(file, 8, "data_offsets of " + printable(e.name), offsets,
             bytes ? format_text("{} bytes for shape {} of {}", *bytes, e.shape.str(), e.dtype)
                   : format_text("a shape that fits memory instead of {}", e.shape.str()));
    by_offset.push_back(&e);
  }
  std::sort(by_offset.begin(), by_offset.end(),
            [](const Entry* a, const Entry* b) { return a->offsets < b->offsets; });
  uint64_t end = 0;
  for (const Entry* e : by_offset) {
    if (e->offsets[0] != end)
      refuse(file, 8, "data_offsets of " + printable(e->name), std::to_string(e->offsets[0]),
             format_text("{}: data must neither overlap nor leave holes", end));
    end = e->offsets[1];
  }
  if (end != data_bytes)
    refuse(file, 8, "data_offsets", format_text("{} bytes used", end),
           format_text("{}, all data of the file", data_bytes));
  return dtypes;
}

std::string header_text(const std::vector<std::pair<std::string, Tensor>>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  // Written by hand because the order of the entries is ours; JSON's escapes are the library's.
  std::string out = "{";
  const auto quote = [](const std::string& s) { return json(s).dump(); };
  if (!metadata.empty()) out += quote(std::string(kMetadata)) + ":" + json(metadata).dump() + ",";
  uint64_t at = 0;
  for (const auto& [name, x] : tensors) {
    const uint64_t end = at + static_cast<uint64_t>(x.numel()) * item_size(x.dtype());
    const auto* n = std::find_if(std::begin(kNames), std::end(kNames),
                                 [&](const Name& row) { return row.dtype == x.dtype(); });
    out += format_text(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}},)", quote(name),
                       n->name, joined(x.shape(), ","), at, end);
    at = end;
  }
  if (out.back() == ',') out.pop_back();
  out += '}';
  out.append((8 - out.size() % 8) % 8, ' ');  // so the data starts aligned
  return out;
}

}  // namespace

const Tensor* TensorFile::find(std::string_view name) const {
  for (const auto& [n, x] : tensors)
    if (n == name) return &x;
  return nullptr;
}

TensorFile parse_safetensors(Bytes bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  const uint64_t length = reader.little(8, "header length");
  if (length > kLongestHeader || length > reader.remaining())
    reader.fail(8, "header length", std::to_string(length),
                format_text("at most {}", std::min(kLongestHeader, reader.remaining())));
  const std::string_view header = as_text(reader.take(length, "header"));
  if (header.empty() || header[0] != '{')
    refuse(name, 8, "header", printable(header.substr(0, 8)), "'{'");
  HeaderHandler handler(name);
  json::sax_parse(header.begin(), header.end(), &handler);
  const std::vector<DType> dtypes = check_layout(handler.entries, reader.remaining(), name);

  TensorFile out;
  out.metadata = std::move(handler.metadata);
  const Bytes data = reader.rest();
  for (size_t i = 0; i < handler.entries.size(); ++i) {
    Entry& e = handler.entries[i];
    const Bytes own = data.subspan(e.offsets[0], e.offsets[1] - e.offsets[0]);
    if (dtypes[i] == DType::kBool)
      if (const auto bad = first_bad_bool(own))
        refuse(name, reader.offset() + e.offsets[0] + *bad, "BOOL data of " + printable(e.name),
               "a byte above 1", "0 or 1");
    out.tensors.emplace_back(std::move(e.name), from_bytes(own.data(), e.shape, dtypes[i]));
  }
  return out;
}

TensorFile read_safetensors(const std::string& path) {
  return parse_safetensors(read_file(path), path);
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  auto tensors = file.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    const size_t size_a = item_size(a.second.dtype()), size_b = item_size(b.second.dtype());
    return size_a != size_b ? size_a > size_b : a.first < b.first;
  });
  std::set<std::string_view> names = {kMetadata};
  for (const auto& [name, x] : tensors)
    if (!names.insert(name).second)
      raise<IoError>("write_safetensors ({}): the name {} stands twice or is reserved.", path,
                     printable(name));
  std::string header;
  try {
    header = header_text(tensors, file.metadata);
  } catch (const json::exception&) {
    raise<IoError>("write_safetensors ({}): a name or metadata text is not UTF-8.", path);
  }
  if (header.size() > kLongestHeader)
    raise<IoError>("write_safetensors ({}): the header has {} bytes, at most {} can be read back.",
                   path, header.size(), kLongestHeader);
  AtomicFile out(path);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
  out.write(length, sizeof length);
  out.write(header);
  for (const auto& [name, x] : tensors) {
    const Tensor dense = x.contiguous();
    out.write(dense.raw_data(), static_cast<size_t>(dense.numel()) * item_size(dense.dtype()));
  }
  out.commit();
}

}  // namespace tinytorch::data
