#include "modules/tensor/debug/column-statistics.h"

#include <algorithm>
#include <cmath>

namespace tinytorch::hunt {

namespace {

// Reads a table row after row. Rows whose values lie side by side are handed out where they are;
// others are gathered first.
class RowReader {
 public:
  explicit RowReader(const Tensor& table)
      : next_(table.data<float>()),
        row_step_(table.strides()[0]),
        column_step_(table.strides()[1]),
        rows_left_(table.size(0)),
        gathered_(column_step_ == 1 ? 0 : static_cast<size_t>(table.size(1))) {}

  // The values of the next row, or nullptr behind the last one.
  const float* next() {
    if (rows_left_-- == 0) return nullptr;
    const float* row = next_;
    next_ += row_step_;
    if (gathered_.empty()) return row;
    for (size_t c = 0; c < gathered_.size(); ++c)
      gathered_[c] = row[static_cast<int64_t>(c) * column_step_];
    return gathered_.data();
  }

 private:
  const float* next_;
  int64_t row_step_, column_step_, rows_left_;
  std::vector<float> gathered_;
};

void check_table(const Tensor& table, const char* what) {
  if (table.dim() != 2 || table.size(0) == 0)
    throw ShapeError(std::string(what) + ": wants a table of at least one row, got shape " +
                     table.shape().str() + ".");
}

}  // namespace

std::vector<Column> describe(const Tensor& table) {
  check_table(table, "describe");
  const auto rows = static_cast<double>(table.size(0));
  std::vector<Column> columns(static_cast<size_t>(table.size(1)));
  bool first = true;
  RowReader reader(table);
  while (const float* row = reader.next()) {
    for (size_t c = 0; c < columns.size(); ++c) {
      const auto value = static_cast<double>(row[c]);
      Column& column = columns[c];
      column.mean += value / rows;
      column.least = first ? value : std::min(column.least, value);
      column.most = first ? value : std::max(column.most, value);
    }
    first = false;
  }
  RowReader again(table);
  while (const float* row = again.next())
    for (size_t c = 0; c < columns.size(); ++c) {
      const double distance = static_cast<double>(row[c]) - columns[c].mean;
      columns[c].deviation += distance * distance / rows;
    }
  for (Column& column : columns) column.deviation = std::sqrt(column.deviation);
  return columns;
}

Tensor standardised(const Tensor& table, const std::vector<Column>& columns) {
  check_table(table, "standardised");
  Tensor out = empty(table.shape());
  auto* y = out.data<float>();
  RowReader reader(table);
  while (const float* row = reader.next())
    for (size_t c = 0; c < columns.size(); ++c) {
      const Column& column = columns[c];
      const double distance = static_cast<double>(row[c]) - column.mean;
      *y++ = column.deviation > 0 ? static_cast<float>(distance / column.deviation) : 0.0F;
    }
  return out;
}

std::vector<int64_t> histogram(const Tensor& table, int64_t column, int bins) {
  check_table(table, "histogram");
  const Tensor one = table.narrow(1, column, 1);
  const Column range = describe(one)[0];
  const double width = (range.most - range.least) / bins;
  std::vector<int64_t> counts(static_cast<size_t>(bins), 0);
  RowReader reader(one);
  while (const float* row = reader.next()) {
    const double bin = width > 0 ? (static_cast<double>(*row) - range.least) / width : 0;
    ++counts[std::min(static_cast<size_t>(bin), counts.size() - 1)];
  }
  return counts;
}

}  // namespace tinytorch::hunt
