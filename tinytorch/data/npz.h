#pragma once
// NumPy's .npz: a ZIP archive with a member NAME.npy for each array, stored (numpy.savez) or
// deflated (numpy.savez_compressed).
#include <utility>

#include "tinytorch/data/npy.h"

namespace tinytorch::data {

using NamedArrays = std::vector<std::pair<std::string, Tensor>>;

// All arrays in the order of the archive, with what read_npy takes. IoError for anything else that
// the archive holds, for damage (each member's CRC-32 is checked) and for members that overlap.
NamedArrays read_npz(const std::string& path);
NamedArrays parse_npz(Bytes bytes, std::string_view name);

// One array of a .npz file, by its name; without a name the archive must hold one array only. A
// .npy file (told by its content) gives its array, which has no name.
Tensor read_array(const std::string& path, const std::string& name = "");

// Replaces the file atomically; equal arrays give equal bytes. DTypeError for bf16, IoError for
// names that stand twice or are not UTF-8: nothing is written then.
void write_npz(const std::string& path, const NamedArrays& arrays, bool compressed = false);

}  // namespace tinytorch::data
