#pragma once
// ZIP archives, as far as .npz needs them: members that are stored or deflated, on one disk, not
// encrypted, of any size (zip64). Internal: the container of data/npz.h. Source: PKWARE's
// APPNOTE.TXT, sections 4.3 and 4.5.3.
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

struct ZipMember {
  std::string name;
  Bytes stored;  // as it stands in the archive
  bool deflated = false;
  uint64_t size = 0;  // inflated
  uint32_t crc = 0;   // of the inflated bytes
  size_t offset = 0;  // of its header
};

// The members in the order of the central directory, which must fill what lies between the members
// and the end of the archive. IoError: damaged records, names twice or not UTF-8, a member of
// another method, encrypted, outside the archive, or overlapping another: then few bytes could
// inflate to any amount.
std::vector<ZipMember> zip_members(Bytes archive, std::string_view name);

// A member's bytes, checked against its CRC-32. They live as long as the archive and `room`.
Bytes zip_content(const ZipMember& member, std::string_view archive, std::vector<std::byte>& room);

// Writes an archive that appears whole or not at all. Equal members give equal bytes: there are no
// times and owners. `zip64` writes the wide fields where they are not needed, too.
class ZipWriter {
 public:
  ZipWriter(const std::string& path, bool deflated, bool zip64 = false)
      : file_(path), deflated_(deflated), zip64_(zip64) {}

  void add(const std::string& name, std::span<const Bytes> parts);
  void commit();

 private:
  void write(std::string_view bytes);
  void write(Bytes bytes) { write(as_text(bytes)); }

  AtomicFile file_;
  bool deflated_, zip64_;
  uint64_t offset_ = 0, count_ = 0;
  std::string directory_;
};

}  // namespace tinytorch::data
