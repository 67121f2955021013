// A network of two layers learns the exclusive or.
#include <cstdio>

#include "tinytorch/core/random.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/optim/optimizer.h"

int main() {
  tt::manual_seed(1);
  const tt::Tensor x = tt::Tensor::of({0, 0, 0, 1, 1, 0, 1, 1}, {{4, 2}});
  const tt::Tensor y = tt::Tensor::of({0, 1, 1, 0}, {{4, 1}});
  tt::nn::Mlp model({2, 16, 1});
  tt::optim::Adam optimizer(model.parameters(), {.lr = 0.02});
  double loss = 0;
  for (int step = 0; step < 300; ++step) {
    const tt::Tensor error = tt::mse_loss(model(x), y);
    optimizer.zero_grad();
    error.backward();
    optimizer.step();
    loss = error.item();
  }
  std::printf("loss %.5f\n%s\n", loss, model(x).str().c_str());
  return loss < 0.01 ? 0 : 1;
}
