#pragma once
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch::hunt {

// What is known of one column of a table.
struct Column {
  double mean = 0;
  double deviation = 0;  // root of the mean squared distance from the mean
  double least = 0;
  double most = 0;
};

// Columns of a table [rows, columns] of f32, at least one row. The table may be a view.
std::vector<Column> describe(const Tensor& table);

// (x - mean) / deviation of its column; zeros where the deviation is 0. A new tensor.
Tensor standardised(const Tensor& table, const std::vector<Column>& columns);

// How many rows have their value of `column` in each of `bins` intervals of equal width between the
// column's least and most.
std::vector<int64_t> histogram(const Tensor& table, int64_t column, int bins);

}  // namespace tinytorch::hunt
