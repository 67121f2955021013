#pragma once
// Shared by the tokenizers' readers and writers; not for users.
#include <nlohmann/json.hpp>
#include <string>

#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

inline constexpr const char* kVocabulary = "vocab.json";
inline constexpr const char* kMerges = "merges.txt";

void make_tokenizer_folder(const std::string& folder);  // IoError
nlohmann::json parse_tokenizer_json(Bytes file, std::string_view name);

}  // namespace tinytorch::data
