#include "tinytorch/data/npz.h"

#include <set>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"
#include "tinytorch/data/zip.h"

namespace tinytorch::data {

namespace {

constexpr std::string_view kEnding = ".npy";
constexpr size_t kLongestName = 0xffff - kEnding.size();  // ZIP counts its bytes in 16 bits

// The members with their endings taken off.
std::vector<ZipMember> array_members(Bytes bytes, std::string_view name) {
  std::vector<ZipMember> members = zip_members(bytes, name);
  for (ZipMember& m : members) {
    if (!m.name.ends_with(kEnding))
      refuse(name, m.offset, "member name", printable(m.name), "a name that ends in .npy");
    m.name.resize(m.name.size() - kEnding.size());
  }
  return members;
}

Tensor array_of(const ZipMember& member, std::string_view archive) {
  std::vector<std::byte> room;
  const Bytes content = zip_content(member, archive, room);
  return parse_npy(content, format_text("{}/{}", archive, member.name));
}

}  // namespace

NamedArrays parse_npz(Bytes bytes, std::string_view name) {
  NamedArrays out;
  for (const ZipMember& m : array_members(bytes, name)) out.emplace_back(m.name, array_of(m, name));
  return out;
}

NamedArrays read_npz(const std::string& path) {
  return parse_npz(read_file(path), path);
}

Tensor read_array(const std::string& path, const std::string& name) {
  const std::vector<std::byte> bytes = read_file(path);
  if (!as_text(bytes).starts_with("PK")) {
    if (!name.empty())
      raise<IoError>("{}: is no .npz archive, so it has no array {}. Hint: leave the name out.",
                     path, printable(name));
    return parse_npy(bytes, path);
  }
  const std::vector<ZipMember> members = array_members(bytes, path);
  std::string names;
  for (const ZipMember& m : members) {
    if (m.name == name || (name.empty() && members.size() == 1)) return array_of(m, path);
    names += (names.empty() ? "" : ", ") + printable(m.name);
  }
  if (name.empty())
    raise<IoError>("{}: holds {} arrays ({}), expected one. Hint: say which by its name.", path,
                   members.size(), names);
  raise<IoError>("{}: has no array {}. It holds: {}.", path, printable(name),
                 names.empty() ? "nothing" : names);
}

void write_npz(const std::string& path, const NamedArrays& arrays, bool compressed) {
  std::vector<std::string> headers;
  std::set<std::string_view> names;
  for (const auto& [name, x] : arrays) {
    if (!names.insert(name).second || first_bad_utf8(name) || name.size() > kLongestName)
      raise<IoError>("write_npz ({}): the name {} stands twice, is not UTF-8 or is too long.", path,
                     printable(name));
    headers.push_back(npy_header(x, format_text("write_npz ({}, {})", path, printable(name))));
  }
  ZipWriter file(path, compressed);
  for (size_t i = 0; i < arrays.size(); ++i) {
    const Tensor dense = arrays[i].second.contiguous();
    const Bytes parts[] = {as_bytes(headers[i]),
                           {static_cast<const std::byte*>(dense.raw_data()),
                            static_cast<size_t>(dense.numel()) * item_size(dense.dtype())}};
    file.add(arrays[i].first + std::string(kEnding), parts);
  }
  file.commit();
}

}  // namespace tinytorch::data
