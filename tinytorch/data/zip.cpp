#include "tinytorch/data/zip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <set>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50,
                   kWideEnd = 0x06064b50, kWideLocator = 0x07064b50;
constexpr size_t kCentralBytes = 46, kEndBytes = 22, kWideEndBytes = 56, kWideLocatorBytes = 20;
constexpr uint64_t kMax16 = 0xffff, kMax32 = 0xffffffff;  // "see the zip64 field"
constexpr uint64_t kStored = 0, kDeflated = 8;
constexpr uint64_t kEncrypted = 1, kUtf8Name = 1 << 11;
constexpr uint64_t kWideField = 1;  // the id of the zip64 extra field

// A cursor that starts at `offset`; refusals count from the archive's first byte.
ByteReader reader_at(Bytes archive, size_t offset, std::string_view name, std::string_view field) {
  ByteReader reader(archive, name);
  reader.take(offset, field);
  return reader;
}

void expect_signature(ByteReader& reader, uint32_t signature, std::string_view field) {
  const uint64_t found = reader.little(4, field);
  if (found != signature)
    reader.fail(4, field, format_text("{:08x}", found), format_text("{:08x}", signature));
}

struct Directory {
  uint64_t count = 0, bytes = 0, offset = 0;
  size_t end = 0;  // where the records after it begin
};

// zip64: a locator before the end record points to one with 64-bit fields.
Directory read_wide(Bytes archive, size_t locator, std::string_view name) {
  constexpr std::string_view kField = "zip64 end record";
  ByteReader reader = reader_at(archive, locator + 4, name, "zip64 locator");
  const uint64_t disk = reader.little(4, "disk"), at = reader.little(8, kField),
                 disks = reader.little(4, "disks");
  if (disk != 0 || disks > 1) reader.fail(16, "disks", std::to_string(disks), "one");
  if (locator < kWideEndBytes || at > locator - kWideEndBytes)
    reader.fail(12, "offset of the zip64 end record", std::to_string(at), "one inside the archive");
  ByteReader wide = reader_at(archive.first(locator), at, name, kField);
  expect_signature(wide, kWideEnd, kField);
  const uint64_t rest = wide.little(8, kField);
  if (rest != locator - at - 12)
    wide.fail(8, "size of the zip64 end record", std::to_string(rest),
              std::to_string(locator - at - 12));
  wide.take(4, "versions");
  const uint64_t disk_a = wide.little(4, "disk"), disk_b = wide.little(4, "disk");
  const uint64_t here = wide.little(8, "members"), count = wide.little(8, "members");
  if (disk_a != 0 || disk_b != 0 || here != count)
    wide.fail(24, "disks", "several", "an archive in one file");
  const uint64_t bytes = wide.little(8, "directory size");
  return {count, bytes, wide.little(8, "directory offset"), static_cast<size_t>(at)};
}

Directory read_end(Bytes archive, size_t at, std::string_view name) {
  ByteReader reader = reader_at(archive, at + 4, name, "end record");
  const uint64_t disk_a = reader.little(2, "disk"), disk_b = reader.little(2, "disk");
  const uint64_t here = reader.little(2, "members"), count = reader.little(2, "members");
  const uint64_t bytes = reader.little(4, "directory size");
  Directory out{count, bytes, reader.little(4, "directory offset"), at};
  const bool full = count == kMax16 || bytes == kMax32 || out.offset == kMax32;
  if (full && at >= kWideLocatorBytes) {
    ByteReader locator = reader_at(archive, at - kWideLocatorBytes, name, "zip64 locator");
    if (locator.little(4, "zip64 locator") == kWideLocator)
      return read_wide(archive, at - kWideLocatorBytes, name);
  }
  if (disk_a != 0 || disk_b != 0 || here != count)
    reader.fail(16, "disks", "several", "an archive in one file");
  return out;
}

// The end record stands last but for a comment whose length it gives.
Directory find_directory(Bytes archive, std::string_view name) {
  for (size_t back = kEndBytes; back <= std::min(archive.size(), kEndBytes + kMax16); ++back) {
    const size_t at = archive.size() - back;
    if (archive[at] != std::byte{'P'}) continue;
    ByteReader reader = reader_at(archive, at, name, "end record");
    if (reader.little(4, "end record") != kEnd) continue;
    reader.take(16, "end record");
    if (reader.little(2, "comment length") != back - kEndBytes) continue;
    const Directory out = read_end(archive, at, name);
    if (out.bytes > out.end || out.offset != out.end - out.bytes)
      refuse(name, at, "central directory", format_text("{} bytes at {}", out.bytes, out.offset),
             format_text("it to end at {}, where the end record begins", out.end));
    if (out.count > out.bytes / kCentralBytes)
      refuse(name, at, "number of members", std::to_string(out.count),
             format_text("at most {} in a directory of {} bytes", out.bytes / kCentralBytes,
                         out.bytes));
    return out;
  }
  refuse(name, archive.size(), "end of the archive", "no ZIP end record",
         "a whole ZIP archive (.npz)");
}

// The zip64 field holds, in this order, those values that did not fit their own fields.
void read_extra(ByteReader& reader, size_t bytes, std::initializer_list<uint64_t*> values) {
  constexpr std::string_view kField = "extra field";
  while (bytes >= 4) {
    const uint64_t id = reader.little(2, kField), length = reader.little(2, kField);
    bytes -= 4;
    if (length > bytes)
      reader.fail(2, kField, format_text("{} bytes", length), format_text("at most {}", bytes));
    bytes -= length;
    uint64_t left = length;
    if (id == kWideField)
      for (uint64_t* value : values)
        if (*value == kMax32 && left >= 8) *value = reader.little(8, kField), left -= 8;
    reader.take(left, kField);
  }
  reader.take(bytes, kField);
}

// One entry of the central directory; leaves `stored` with the compressed size to find_content.
ZipMember read_entry(ByteReader& reader, std::string_view archive, uint64_t& packed) {
  const size_t start = reader.offset();
  expect_signature(reader, kCentral, "central directory");
  reader.take(4, "versions");
  const uint64_t flags = reader.little(2, "flags"), method = reader.little(2, "method");
  reader.take(4, "time");
  ZipMember m;
  m.crc = static_cast<uint32_t>(reader.little(4, "CRC-32"));
  packed = reader.little(4, "compressed size");
  m.size = reader.little(4, "size");
  const uint64_t name_bytes = reader.little(2, "name length"),
                 extra = reader.little(2, "extra length"),
                 comment = reader.little(2, "comment length");
  reader.take(8, "attributes");
  uint64_t offset = reader.little(4, "member offset");
  m.name = as_text(reader.take(name_bytes, "member name"));
  read_extra(reader, extra, {&m.size, &packed, &offset});
  reader.take(comment, "comment");
  if (first_bad_utf8(m.name)) refuse(archive, start, "member name", printable(m.name), "UTF-8");
  if (flags & kEncrypted)
    refuse(archive, start, "member " + printable(m.name), "encryption", "a plain member");
  if (method != kStored && method != kDeflated)
    refuse(archive, start, "method of " + printable(m.name), std::to_string(method),
           "0 (stored) or 8 (deflated)");
  m.deflated = method == kDeflated;
  // Deflated data cannot hold more; the division keeps a hostile size from wrapping around.
  if (m.deflated ? (m.size > 1024 && (m.size - 1024) / kMaxDeflateRatio > packed)
                 : m.size != packed)
    refuse(archive, start, "size of " + printable(m.name), std::to_string(m.size),
           m.deflated ? format_text("what {} bytes can inflate to", packed)
                      : format_text("{}, as it is stored", packed));
  m.offset = offset;
  return m;
}

// The local header repeats the entry; its sizes may be missing, so only the entry's are used.
void find_content(Bytes members, std::string_view archive, uint64_t packed, ZipMember& m) {
  ByteReader reader = reader_at(members, m.offset, archive, "member " + printable(m.name));
  expect_signature(reader, kLocal, "member header");
  reader.take(4, "version and flags");
  const uint64_t method = reader.little(2, "method");
  reader.take(16, "time, CRC-32 and sizes");
  const uint64_t name_bytes = reader.little(2, "name length"),
                 extra = reader.little(2, "extra length");
  const std::string_view own = as_text(reader.take(name_bytes, "member name"));
  if (own != m.name || method != (m.deflated ? kDeflated : kStored))
    reader.fail(name_bytes, "member header", format_text("{}, method {}", printable(own), method),
                "what the central directory says of " + printable(m.name));
  reader.take(extra, "extra field");
  m.stored = reader.take(packed, "data of " + printable(m.name));
}

}  // namespace

std::vector<ZipMember> zip_members(Bytes archive, std::string_view name) {
  const Directory directory = find_directory(archive, name);
  ByteReader reader =
      reader_at(archive.first(directory.end), directory.offset, name, "central directory");
  std::vector<ZipMember> out;
  std::set<std::string> names;
  for (uint64_t i = 0; i < directory.count; ++i) {
    uint64_t packed = 0;
    const size_t start = reader.offset();
    ZipMember m = read_entry(reader, name, packed);
    if (!names.insert(m.name).second)
      refuse(name, start, "member name", printable(m.name) + " twice", "each name once");
    find_content(archive.first(directory.offset), name, packed, m);
    out.push_back(std::move(m));
  }
  if (reader.remaining() != 0)
    reader.fail(0, "central directory", format_text("{} bytes more", reader.remaining()),
                format_text("{} members", directory.count));
  std::vector<const ZipMember*> by_offset;
  by_offset.reserve(out.size());
  for (const ZipMember& m : out) by_offset.push_back(&m);
  std::sort(by_offset.begin(), by_offset.end(),
            [](const ZipMember* a, const ZipMember* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const ZipMember& before = *by_offset[i - 1];
    const auto end =
        static_cast<size_t>(before.stored.data() + before.stored.size() - archive.data());
    if (by_offset[i]->offset < end)
      refuse(name, by_offset[i]->offset, "member " + printable(by_offset[i]->name),
             "bytes of " + printable(before.name), "members that do not overlap");
  }
  return out;
}

Bytes zip_content(const ZipMember& member, std::string_view archive, std::vector<std::byte>& room) {
  Bytes content = member.stored;
  if (member.deflated) {
    room = inflate_raw(member.stored, format_text("{}/{}", archive, member.name),
                       static_cast<size_t>(member.size));
    content = room;
  }
  const auto crc = static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
  if (crc != member.crc)
    refuse(archive, member.offset, "CRC-32 of " + printable(member.name),
           format_text("{:08x}", crc), format_text("{:08x}", member.crc));
  return content;
}

namespace {

void put(std::string& out, uint64_t value, int bytes) {
  for (; bytes > 0; --bytes, value >>= 8) out += static_cast<char>(value & 0xff);
}

std::string deflate_parts(std::span<const Bytes> parts) {
  constexpr size_t kStep = size_t{1} << 20;
  z_stream z{};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    raise<IoError>("write_zip: zlib cannot start.");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&z, deflateEnd);
  std::string out, room(kStep, '\0');
  const auto feed = [&](Bytes piece, int flush) {
    z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(piece.data()));
    z.avail_in = static_cast<uInt>(piece.size());
    do {
      z.next_out = reinterpret_cast<Bytef*>(room.data());
      z.avail_out = static_cast<uInt>(room.size());
      deflate(&z, flush);
      out.append(room, 0, room.size() - z.avail_out);
    } while (z.avail_out == 0);
  };
  for (const Bytes part : parts)
    for (size_t at = 0; at < part.size(); at += kStep)
      feed(part.subspan(at, std::min(kStep, part.size() - at)), Z_NO_FLUSH);
  feed({}, Z_FINISH);
  return out;
}

}  // namespace

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes);
  offset_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::span<const Bytes> parts) {
  uint64_t size = 0, crc = 0;
  for (const Bytes part : parts) {
    size += part.size();
    if (!part.empty()) crc = crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
  }
  const std::string packed = deflated_ ? deflate_parts(parts) : "";
  const uint64_t stored = deflated_ ? packed.size() : size, start = offset_;
  const bool wide_sizes = zip64_ || size >= kMax32 || stored >= kMax32;
  const bool wide = wide_sizes || start >= kMax32;
  const bool ascii = std::all_of(name.begin(), name.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  // What both headers share, from the version that is needed to the length of the name.
  const auto shared = [&](std::string& out, bool big) {
    put(out, big ? 45 : 20, 2);
    put(out, ascii ? 0 : kUtf8Name, 2);
    put(out, deflated_ ? kDeflated : kStored, 2);
    put(out, 0x00210000, 4);  // the first day that ZIP knows: 1980-01-01 00:00
    put(out, crc, 4);
    put(out, big ? kMax32 : stored, 4);
    put(out, big ? kMax32 : size, 4);
    put(out, name.size(), 2);
  };
  const auto extra = [&](std::string& out, std::initializer_list<uint64_t> values) {
    put(out, kWideField, 2);
    put(out, values.size() * 8, 2);
    for (const uint64_t v : values) put(out, v, 8);
  };
  std::string local;
  put(local, kLocal, 4);
  shared(local, wide_sizes);
  put(local, wide_sizes ? 20 : 0, 2);
  local += name;
  if (wide_sizes) extra(local, {size, stored});
  write(local);
  if (deflated_) write(packed);
  if (!deflated_)
    for (const Bytes part : parts) write(part);

  put(directory_, kCentral, 4);
  put(directory_, wide ? 45 : 20, 2);  // made by
  shared(directory_, wide);
  put(directory_, wide ? 28 : 0, 2);
  put(directory_, 0, 2 + 2 + 2 + 4);  // comment, disk, attributes
  put(directory_, wide ? kMax32 : start, 4);
  directory_ += name;
  if (wide) extra(directory_, {size, stored, start});
  ++count_;
}

void ZipWriter::commit() {
  const uint64_t start = offset_, bytes = directory_.size();
  write(directory_);
  std::string end;
  const bool wide = zip64_ || start >= kMax32 || bytes >= kMax32 || count_ >= kMax16;
  if (wide) {
    put(end, kWideEnd, 4);
    put(end, kWideEndBytes - 12, 8);
    put(end, 45, 2);
    put(end, 45, 2);
    put(end, 0, 8);  // disks
    for (const uint64_t v : {count_, count_, bytes, start}) put(end, v, 8);
    put(end, kWideLocator, 4);
    put(end, 0, 4);
    put(end, start + bytes, 8);
    put(end, 1, 4);
  }
  put(end, kEnd, 4);
  put(end, 0, 4);
  for (int i = 0; i < 2; ++i) put(end, wide ? kMax16 : count_, 2);
  put(end, wide ? kMax32 : bytes, 4);
  put(end, wide ? kMax32 : start, 4);
  put(end, 0, 2);
  write(end);
  file_.commit();
}

}  // namespace tinytorch::data
