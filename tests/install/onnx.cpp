// A network leaves as a file of ONNX and comes back.
#include <cstdio>

#include "tinytorch/nn/linear.h"
#include "tinytorch/onnx/export.h"
#include "tinytorch/onnx/model.h"

int main() {
  tt::nn::Mlp model({4, 3, 2});
  tt::onnx::export_model(model, {"input", tt::DType::kF32, {4}}, "m.onnx");
  const tt::Tensor x = tt::Tensor::of({1, 2, 3, 4}, {{1, 4}});
  const tt::Tensor y = tt::onnx::Model::load("m.onnx")->forward(x);
  std::printf("%s\n", y.str().c_str());
  return y.shape() == tt::Shape{1, 2} ? 0 : 1;
}
