#pragma once
// Models of ONNX (onnx.ai): load a file, run it. An optional part: a library of its own
// (TinyTorch::onnx), built where protobuf and ONNX's schema are (CMake: TINYTORCH_WITH_ONNX).
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tinytorch/core/tensor.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::onnx {

// What is no mistake of the file: an operator, a variant of one or a type that we do not have. The
// text names it.
class Unsupported : public Error {
 public:
  using Error::Error;
};

// A value that goes into or out of a model, as the file declares it.
struct ValueInfo {
  std::string name;
  DType dtype = DType::kF32;
  bool has_shape = false;
  std::vector<int64_t> sizes;  // -1: any
  std::string str() const;     // "image f32 [?, 1, 28, 28]"
};

// Keys of the metadata in which an exported file notes what data.normalize did in training: lists
// of one number a channel, of pixels from 0 to 1.
inline constexpr const char* kMeanKey = "normalize.mean";
inline constexpr const char* kDeviationKey = "normalize.std";

// A network of ONNX's operators. Weights are shared among runs; any number of threads may run it.
// As a Module it takes its first input and gives its first output; parameters() is empty, for these
// networks are there to be run.
class Model : public nn::Module {
 public:
  // IoError when the file is damaged, refers to other files, or its graph has a cycle; Unsupported.
  static std::shared_ptr<Model> load(const std::string& path);
  static std::shared_ptr<Model> parse(std::span<const std::byte> bytes, const std::string& name);

  ~Model() override;
  const std::vector<ValueInfo>& inputs() const;  // without those that have a value in the file
  const std::vector<ValueInfo>& outputs() const;
  const std::map<std::string, std::string>& metadata() const;  // the file's metadata_props

  // One tensor an input, in order (undefined: left out, where the file has a value for it); gives
  // one tensor an output. Errors name the node. dtypes must be the declared ones.
  std::vector<Tensor> run(std::span<const Tensor> inputs) const;

  Tensor forward(const Tensor& x) override;
  const char* kind() const override { return "Onnx"; }
  std::string describe() const override;  // "12 nodes, opset 13"

 private:
  struct Graph;
  explicit Model(std::unique_ptr<Graph> graph);
  std::unique_ptr<Graph> graph_;
};

// A tensor in a file of its own, as ONNX's test data has them (input_0.pb).
Tensor load_tensor(const std::string& path);

}  // namespace tinytorch::onnx
