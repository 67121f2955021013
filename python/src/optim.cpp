// Optimizers and schedules, for tinytorch.optim: module tinytorch._C.optim. An optimizer here has
// one group of parameters; the package keeps one for each of its groups.
#include "python/src/binding.h"
#include "tinytorch/optim/optimizer.h"
#include "tinytorch/optim/schedule.h"

namespace tinytorch::python {

namespace {

using optim::Optimizer;
using Parameters = std::vector<Tensor>;

template <class O, class Options>
std::unique_ptr<Optimizer> make(Parameters p, const Options& options) {
  return std::make_unique<O>(std::move(p), options);
}

void bind_optimizers(py::module_& m) {
  const auto guard = py::call_guard<Exclusive>();
  py::class_<Optimizer>(m, "Optimizer")
      .def("step", &Optimizer::step, guard)
      .def("set_lr", &Optimizer::set_lr)
      .def("state_tensors", &Optimizer::state_tensors)
      .def("steps", [](const Optimizer& o) { return o.steps(); })
      .def("load_state", &Optimizer::load_state, guard);
  m.def("sgd", [](Parameters p, double lr, double momentum, double weight_decay, bool nesterov) {
    return make<optim::Sgd>(std::move(p), optim::SgdOptions{lr, momentum, weight_decay, nesterov});
  });
  m.def("adam", [](Parameters p, double lr, double beta1, double beta2, double eps,
                   double weight_decay, bool decoupled) {
    return make<optim::Adam>(std::move(p),
                             optim::AdamOptions{lr, beta1, beta2, eps, weight_decay, decoupled});
  });
  m.def("rmsprop", [](Parameters p, double lr, double alpha, double eps, double weight_decay,
                      double momentum, bool centered) {
    return make<optim::Rmsprop>(
        std::move(p), optim::RmspropOptions{lr, alpha, eps, weight_decay, momentum, centered});
  });
  m.def("adagrad", [](Parameters p, double lr, double lr_decay, double weight_decay, double start,
                      double eps) {
    return make<optim::Adagrad>(std::move(p),
                                optim::AdagradOptions{lr, lr_decay, weight_decay, start, eps});
  });
  m.def("lion", [](Parameters p, double lr, double beta1, double beta2, double weight_decay) {
    return make<optim::Lion>(std::move(p), optim::LionOptions{lr, beta1, beta2, weight_decay});
  });
  m.def("grad_norm", &optim::grad_norm, guard);
  m.def("clip_grad_norm", &optim::clip_grad_norm, guard);
  m.def("clip_grad_value", &optim::clip_grad_value, guard);
}

void bind_schedules(py::module_& m) {
  using optim::PlateauState;
  using optim::Schedule;
  py::class_<PlateauState>(m, "PlateauState")
      .def(py::init<>())
      .def_readwrite("evaluations", &PlateauState::evaluations)
      .def_readwrite("best", &PlateauState::best)
      .def_readwrite("stale", &PlateauState::stale)
      .def_readwrite("scale", &PlateauState::scale);
  py::class_<Schedule>(m, "Schedule")
      .def(py::init<>())
      .def_readwrite("name", &Schedule::name)
      .def_readwrite("warmup_steps", &Schedule::warmup_steps)
      .def_readwrite("total_steps", &Schedule::total_steps)
      .def_readwrite("min_lr", &Schedule::min_lr)
      .def_readwrite("step_size", &Schedule::step_size)
      .def_readwrite("gamma", &Schedule::gamma)
      .def_readwrite("milestones", &Schedule::milestones)
      .def_readwrite("pct_start", &Schedule::pct_start)
      .def_readwrite("div_factor", &Schedule::div_factor)
      .def_readwrite("final_div_factor", &Schedule::final_div_factor)
      .def_readwrite("patience", &Schedule::patience)
      .def("check", &Schedule::check)
      .def("observe", &Schedule::observe)
      .def("lr_at", &Schedule::lr_at, py::arg("lr"), py::arg("step"),
           py::arg("plateau") = PlateauState());
}

}  // namespace

void bind_optim(py::module_& parent) {
  py::module_ m = parent.def_submodule("optim");
  bind_optimizers(m);
  bind_schedules(m);
}

}  // namespace tinytorch::python
