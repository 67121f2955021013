#pragma once
// Numeric CSV: rows of numbers, all of one length.
#include <optional>
#include <string>
#include <vector>

#include "tinytorch/core/tensor.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

struct CsvTable {
  std::vector<std::string> columns;  // the first line, where that is a header
  Tensor values;                     // (rows, columns)
};

struct CsvOptions {
  char delimiter = ',';
  DType dtype = DType::kF32;  // f32 or f64; a number that f32 cannot hold is an error
  // Whether the first line is one; by itself: if none of its fields is a number.
  std::optional<bool> header = std::nullopt;
};

// Fields may stand in double quotes and have blanks around them; lines end in LF or CRLF; empty
// lines are skipped. "nan" and "inf" are numbers; an empty field is an error. Plain or gzip.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});
CsvTable parse_csv(Bytes bytes, std::string_view name, const CsvOptions& options = {});

}  // namespace tinytorch::data
