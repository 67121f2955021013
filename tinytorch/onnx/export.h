#pragma once
// Networks as files of ONNX, opset 13.
#include <span>
#include <string>
#include <vector>

#include "tinytorch/nn/module.h"

namespace tinytorch::onnx {

// What a network takes: one batch. Sizes without the batch dimension; -1 stays open.
struct ExportInput {
  std::string name = "input";
  DType dtype = DType::kF32;
  std::vector<int64_t> sizes;
};

struct ExportReport {
  int64_t nodes = 0, bytes = 0;
  double max_difference = 0;  // from the network itself, over the values of a batch of two
};

// Writes `model` as it is in evaluation, weights inside, any batch size, and reads the file back:
// Error when the file's results differ from the network's by more than 1e-4 (f64: 1e-9) of the
// largest. ConfigError names the layer that has no form in ONNX here (kinds: the ready models',
// [[model.layers]]'s), or a dtype other than f32 and f64.
ExportReport export_model(nn::Module& model, const ExportInput& input, const std::string& path);

}  // namespace tinytorch::onnx
