#include "tinytorch/onnx/conformance.h"

#include <cmath>
#include <filesystem>
#include <functional>
#include <set>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"
#include "tinytorch/onnx/model.h"

namespace tinytorch::onnx {

namespace {

namespace fs = std::filesystem;

// What differs between a result and what is expected; "" when nothing does.
std::string difference(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != expected.dtype() || !(got.shape() == expected.shape()))
    return format_text("{} {} instead of {} {}", dtype_name(got.dtype()), got.shape().str(),
                       dtype_name(expected.dtype()), expected.shape().str());
  if (!is_floating(got.dtype())) {
    const auto a = to_vector<int64_t>(got.to(DType::kI64));
    const auto b = to_vector<int64_t>(expected.to(DType::kI64));
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return format_text("{} instead of {} at {}", a[i], b[i], i);
    return "";
  }
  const auto a = to_vector<double>(got.to(DType::kF64));
  const auto b = to_vector<double>(expected.to(DType::kF64));
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    // An infinity is met by itself alone: the bound below would be infinite, and let all pass.
    const bool near = std::isfinite(b[i]) && std::abs(a[i] - b[i]) <= 1e-7 + 1e-3 * std::abs(b[i]);
    if (!same && !near) return format_text("{} instead of {} at {}", a[i], b[i], i);
  }
  return "";
}

std::vector<Tensor> load_all(const fs::path& folder, const char* what) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path file = folder / format_text("{}_{}.pb", what, i);
    if (!fs::exists(file)) return tensors;
    // An optional input that is left out has an empty file.
    tensors.push_back(fs::file_size(file) == 0 ? Tensor() : load_tensor(file.string()));
  }
}

// "" when all data sets of a test agree.
std::string first_difference(const fs::path& folder) {
  if (!fs::exists(folder / "model.onnx")) return "model.onnx is missing beside its data sets";
  const auto model = Model::load((folder / "model.onnx").string());
  int sets = 0;
  for (;; ++sets) {
    const fs::path set = folder / format_text("test_data_set_{}", sets);
    if (!fs::is_directory(set)) break;
    const std::vector<Tensor> inputs = load_all(set, "input"), expected = load_all(set, "output");
    const std::vector<Tensor> got = model->run(inputs);
    if (got.size() != expected.size() || got.empty())
      return format_text("{} outputs instead of {}", got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      const std::string text = difference(got[i], expected[i]);
      if (!text.empty()) return format_text("data set {}, output {}: {}", sets, i, text);
    }
  }
  return sets == 0 ? "there is no data set" : "";
}

}  // namespace

TestResult run_conformance_test(const std::string& folder) {
  TestResult result;
  result.name = fs::path(folder).filename().string();
  try {
    result.reason = first_difference(folder);
    result.state = result.reason.empty() ? TestResult::State::kPassed : TestResult::State::kFailed;
  } catch (const Unsupported& e) {
    result.state = TestResult::State::kSkipped;
    result.reason = e.what();
  } catch (const std::exception& e) {
    result.state = TestResult::State::kFailed;
    result.reason = e.what();
  }
  // The file's path says nothing that the test's name does not.
  const std::string prefix = (fs::path(folder) / "model.onnx").string() + ": ";
  if (result.reason.starts_with(prefix)) result.reason.erase(0, prefix.size());
  return result;
}

std::vector<TestResult> run_conformance(const std::string& folder,
                                        const std::function<void(const TestResult&)>& each) {
  std::error_code error;
  // A folder with data sets is a test too when its model is missing: one that fails.
  std::set<std::string> folders;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == "model.onnx" || name.starts_with("test_data_set_"))
      folders.insert(it->path().parent_path().string());
  }
  if (error) raise<IoError>("{}: {}.", folder, error.message());
  if (folders.empty())
    raise<IoError>(
        "{}: no tests (folders with model.onnx). Hint: Debian's libonnx-testdata has them in "
        "/usr/share/libonnx-testdata/data/node.",
        folder);
  std::vector<TestResult> results;
  for (const std::string& test : folders) {
    results.push_back(run_conformance_test(test));
    if (each) each(results.back());
  }
  return results;
}

}  // namespace tinytorch::onnx
