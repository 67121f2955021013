// Inference plans of Python's functions.
#include <mutex>

#include "python/src/binding.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/ops/fusion.h"
#include "tinytorch/ops/plan.h"

namespace tinytorch::python {

namespace {

// A function of one tensor that is called by plans as long as the watched tensors stay unchanged.
// Python's threads take turns.
class PlannedFunction {
 public:
  explicit PlannedFunction(py::function function) : function_(std::move(function)) {}

  void watch(const std::vector<Tensor>& tensors) {
    const py::gil_scoped_release release;
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    calls_.forget();
    watched_ = WatchedTensors(tensors);
    selections_ = kernels::kernel_selections();
  }
  bool unchanged() {
    const py::gil_scoped_release release;
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    return watched_.unchanged() && selections_ == kernels::kernel_selections();
  }
  Tensor call(const Tensor& x) {
    const py::gil_scoped_release release;
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    const auto function = [&](const Tensor& input) {
      const py::gil_scoped_acquire acquire;
      return py::cast<Tensor>(function_(input));
    };
    return fusion_enabled() ? calls_(function, x, watched_) : function(x);
  }
  // The number of kernels in the plan for x, or why there is none.
  std::pair<size_t, std::string> plan(const Tensor& x) {
    const py::gil_scoped_release release;
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    std::string why;
    const Plan* plan = calls_.plan_for(x, &why);
    return {plan ? plan->kernels() : 0, plan ? "" : why};
  }

 private:
  py::function function_;
  std::recursive_mutex mutex_;
  PlannedCalls calls_;
  WatchedTensors watched_;
  uint32_t selections_ = 0;
};

}  // namespace

void bind_plans(py::module_& m) {
  py::class_<PlannedFunction>(m, "PlannedFunction")
      .def(py::init<py::function>())
      .def("watch", &PlannedFunction::watch)
      .def("unchanged", &PlannedFunction::unchanged)
      .def("__call__", &PlannedFunction::call)
      .def("plan", &PlannedFunction::plan);
}

}  // namespace tinytorch::python
