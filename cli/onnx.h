#pragma once
// The tool's part of ONNX, which a build may lack.
#include <string>

namespace tinytorch::cli {

class Args;

// EnvironmentError, with what to install, where this build has no ONNX.
void require_onnx(const std::string& command);

// tito infer M.onnx: an ExitCode.
int infer_onnx(const Args& args);

}  // namespace tinytorch::cli
