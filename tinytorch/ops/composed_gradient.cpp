// Gradients of gradients for operations that differentiate by a kernel.
#include "tinytorch/ops/common.h"

namespace tinytorch {

void composed_gradient(GradContext& c, const Tensor& g, const std::vector<Tensor>& inputs,
                       const Compose& compose) {
  std::vector<Tensor> seen = inputs, wanted;
  std::vector<int> places;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) continue;
    const int place = static_cast<int>(i);
    seen[i] = c.needs(place) ? inputs[i].view(inputs[i].shape()) : inputs[i].detach();
    if (!c.needs(place)) continue;  // the view is where the walk below ends
    wanted.push_back(seen[i]);
    places.push_back(place);
  }
  if (wanted.empty()) return;
  const std::vector<Tensor> results = grad({compose(seen)}, wanted, {g}, true, true);
  for (size_t i = 0; i < places.size(); ++i) c.set(places[i], results[i]);
}

}  // namespace tinytorch
