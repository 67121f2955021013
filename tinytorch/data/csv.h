#pragma once
// Numeric CSV: rows of numbers, all of one length.
#include "tinytorch/core/tensor.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

struct CsvTable {
  std::vector<std::string> columns;  // the first line, when one of its fields is no number
  Tensor values;                     // (rows, columns)
};

struct CsvOptions {
  char delimiter = ',';
  DType dtype = DType::kF32;  // f32 or f64
};

// Fields may stand in double quotes and have blanks around them; lines end in LF or CRLF; empty
// lines are skipped. "nan" and "inf" are numbers; an empty field is an error. Plain or gzip.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});
CsvTable parse_csv(Bytes bytes, std::string_view name, const CsvOptions& options = {});

}  // namespace tinytorch::data
