#pragma once
// Between ONNX's messages and tensors. Only files of this folder that read or write files see it.
#include <onnx/onnx_pb.h>

#include "tinytorch/core/tensor.h"
#include "tinytorch/onnx/node.h"

namespace tinytorch::onnx {

// Checked against the bytes that are there; IoError, Unsupported.
Tensor from_proto(const ::onnx::TensorProto& proto);
void to_proto(const Tensor& x, const std::string& name, ::onnx::TensorProto* proto);

Attribute from_proto(const ::onnx::AttributeProto& proto);
ValueInfo from_proto(const ::onnx::ValueInfoProto& proto);

}  // namespace tinytorch::onnx
