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
  int64_t length = 2;  // of what stays open, when the network and the file are compared
  // What was subtracted from each channel in training, and what it was divided by; the caller's
  // part in inference. The file notes it as metadata (kMeanKey, kDeviationKey).
  std::vector<double> mean = {}, deviation = {};
};

struct ExportReport {
  int64_t nodes = 0, bytes = 0;
  double max_difference = 0;  // from the network itself, over the values of a batch of two
};

// Writes `model` as it is in evaluation, weights inside, any batch size, and reads the file back:
// Error when the file's results differ from the network's by more than 1e-4 of the largest (f64:
// 1e-9, and 1e-6 where a layer's number is an attribute, which is a float32 in the file). An open
// size is tried with two lengths: ShapeError when the layers do not take any. ConfigError names the
// layer that has no form in ONNX here (kinds: the ready models',
// [[model.layers]]'s), or a dtype other than f32 and f64.
ExportReport export_model(nn::Module& model, const ExportInput& input, const std::string& path);

}  // namespace tinytorch::onnx
