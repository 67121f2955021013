#pragma once
// ONNX's own tests: folders with model.onnx and test_data_set_N of inputs and expected outputs.
#include <functional>
#include <string>
#include <vector>

namespace tinytorch::onnx {

struct TestResult {
  enum class State : uint8_t { kPassed, kFailed, kSkipped };
  std::string name;  // of its folder
  State state = State::kPassed;
  std::string reason;  // unless it passed
};

// Every test under `folder`, in order of names. IoError when there is none.
std::vector<TestResult> run_conformance(const std::string& folder,
                                        const std::function<void(const TestResult&)>& each = {});

// One test: all its data sets give the expected outputs, with shapes and dtypes; floating values to
// 1e-3 relative plus 1e-7, ONNX's own bounds; infinities and NaN by themselves alone. Skipped, with
// what we do not have: Unsupported. Failed when there is no model.onnx.
TestResult run_conformance_test(const std::string& folder);

}  // namespace tinytorch::onnx
