#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tinytorch {

// The known name that is nearest to `name` (edit distance with swaps, case ignored; a name that
// holds the other, or is its initials, counts as near): what an error about an unknown key,
// command or option names. Empty only when `known` is; the first of equals.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);
// Whether one may be meant by the other: at most two edits apart, or one in a short name.
bool resembles(std::string_view name, std::string_view other);

}  // namespace tinytorch
