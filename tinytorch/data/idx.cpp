#include "tinytorch/data/idx.h"

#include <bit>
#include <cstring>
#include <filesystem>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

namespace {

constexpr size_t kLongestHeader = 4 + 4 * kMaxDims;

struct Header {
  DType dtype;
  Shape shape;
  size_t bytes;  // of the elements
};

DType element_type(ByteReader& reader) {
  switch (const uint8_t code = reader.u8("element type")) {
    case 0x08:
      return DType::kU8;
    case 0x09:
      return DType::kI8;
    case 0x0C:
      return DType::kI32;
    case 0x0D:
      return DType::kF32;
    case 0x0E:
      return DType::kF64;
    default:
      reader.fail(1, "element type", code == 0x0B ? "0x0b (i16)" : format_text("0x{:02x}", code),
                  "0x08 (u8), 0x09 (i8), 0x0c (i32), 0x0d (f32) or 0x0e (f64)");
  }
}

Header read_header(ByteReader& reader) {
  const Bytes magic = reader.take(2, "magic");
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0})
    reader.fail(2, "magic", printable(as_text(magic)), "two zero bytes (an IDX file)");
  Header h{element_type(reader), {}, 0};
  const int rank = reader.u8("rank");
  if (rank > kMaxDims)
    reader.fail(1, "rank", std::to_string(rank), format_text("at most {}", kMaxDims));
  for (int i = 0; i < rank; ++i)
    h.shape.push_back(reader.u32_big(format_text("size of dimension {}", i)));
  const auto bytes = array_bytes({h.shape.begin(), h.shape.end()}, item_size(h.dtype));
  if (!bytes)
    reader.fail(4 * static_cast<size_t>(rank), "sizes", h.shape.str(), "an array that fits memory");
  h.bytes = *bytes;
  return h;
}

Tensor parse_plain(Bytes bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  const Header h = read_header(reader);
  if (reader.remaining() != h.bytes)
    reader.fail(0, "elements", format_text("{} bytes", reader.remaining()),
                format_text("{} for shape {} of {}", h.bytes, h.shape.str(), dtype_name(h.dtype)));
  Tensor out = from_bytes(reader.rest().data(), h.shape, h.dtype);
  if constexpr (std::endian::native == std::endian::little)
    swap_byte_order(out.raw_data(), static_cast<size_t>(out.numel()), item_size(h.dtype));
  return out;
}

LabeledImages read_pair(const std::filesystem::path& folder, const std::string& prefix) {
  const auto read = [&](const std::string& file) {
    const std::string plain = (folder / file).string();
    if (std::filesystem::exists(plain)) return std::pair(read_idx(plain), plain);
    const std::string gz = plain + ".gz";
    if (!std::filesystem::exists(gz))
      raise<IoError>("{}: neither {} nor {}.gz is there.", folder.string(), file, file);
    return std::pair(read_idx(gz), gz);
  };
  auto [images, images_path] = read(prefix + "-images-idx3-ubyte");
  auto [labels, labels_path] = read(prefix + "-labels-idx1-ubyte");
  if (images.dtype() != DType::kU8 || (images.dim() != 3 && images.dim() != 4))
    raise<IoError>("{}: found {} of shape {}, expected u8 images of 3 or 4 dimensions.",
                   images_path, dtype_name(images.dtype()), images.shape().str());
  if (labels.dtype() != DType::kU8 || labels.dim() != 1 || labels.size(0) != images.size(0))
    raise<IoError>("{}: found {} of shape {}, expected u8 labels of {} images: shape [{}].",
                   labels_path, dtype_name(labels.dtype()), labels.shape().str(), images_path,
                   images.size(0));
  if (images.dim() == 3) {
    Shape shape = images.shape();
    shape.insert(1, 1);
    images = alias(images, {shape, contiguous_strides(shape), 0});
  }
  return {images, labels};
}

}  // namespace

Tensor parse_idx(Bytes bytes, std::string_view name) {
  if (!is_gzip(bytes)) return parse_plain(bytes, name);
  // First the header alone: it tells how many bytes may follow, so that a small file cannot
  // inflate into a large one.
  const std::vector<std::byte> head = gunzip_prefix(bytes, name, kLongestHeader);
  ByteReader reader(head, name);
  const size_t size = read_header(reader).bytes + reader.offset();
  const size_t possible = kMaxDeflateRatio * bytes.size() + 1024;
  if (size > possible)
    reader.fail(0, "elements", format_text("{} compressed bytes", bytes.size()),
                format_text("enough for {} bytes of elements", size));
  return parse_plain(gunzip(bytes, name, size), name);
}

Tensor read_idx(const std::string& path) {
  return parse_idx(read_file(path), path);
}

ImageSplits read_idx_folder(const std::string& folder) {
  return {read_pair(folder, "train"), read_pair(folder, "t10k")};
}

}  // namespace tinytorch::data
