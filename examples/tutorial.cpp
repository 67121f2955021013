// From data to predictions: builds a network, trains it, saves it, loads it again and predicts.
#include <cstdio>

#include "tinytorch/tinytorch.h"

using tt::Tensor;

// Rows of 64 pixels in, a score for each of the ten digits out.
std::shared_ptr<tt::nn::Sequential> make_network() {
  return std::shared_ptr<tt::nn::Sequential>(
      new tt::nn::Sequential{tt::nn::make<tt::nn::Flatten>(), tt::nn::make<tt::nn::Linear>(64, 64),
                             tt::nn::make<tt::nn::ReLU>(), tt::nn::make<tt::nn::Dropout>(0.2),
                             tt::nn::make<tt::nn::Linear>(64, 10)});
}

int main() {
  tt::manual_seed(7);  // weights, the order of the samples, dropout: the same numbers every time
  const auto digits = tt::data::load_dataset("digits");  // 1,438 images to learn from, 359 to test
  const auto network = make_network();
  std::printf("%s\n", network->str().c_str());

  // Batches come in a new order each epoch; the last one may be smaller.
  tt::DataLoader train(digits.train, {.batch_size = 32, .shuffle = true, .seed = 7});
  tt::optim::Adam optimizer(network->parameters(), {.lr = 2e-3});
  for (int epoch = 1; epoch <= 15; ++epoch) {
    double loss_sum = 0;
    for (const tt::Batch& batch : train) {
      const Tensor loss = tt::cross_entropy((*network)(batch.x), batch.y);
      optimizer.zero_grad();  // else the gradients of the last step would be added to
      loss.backward();        // fills the .grad of each parameter
      optimizer.step();
      loss_sum += loss.item() * static_cast<double>(batch.size());
    }
    std::printf("epoch %2d  loss %.4f\n", epoch,
                loss_sum / static_cast<double>(digits.train->size()));
  }

  // A file that Python's safetensors reads, too.
  tt::data::write_safetensors("digits.safetensors", {network->state_dict(), {}});

  const auto reloaded = make_network();
  reloaded->load_state_dict(tt::data::read_safetensors("digits.safetensors").tensors);
  reloaded->eval();          // no dropout from here on
  const tt::NoGrad no_grad;  // and no graph for gradients that nobody asks for
  tt::DataLoader test(digits.test, {.batch_size = 359});
  const tt::Batch& batch = *test.next();
  const Tensor digit = tt::argmax((*reloaded)(batch.x), 1);
  const int64_t right = tt::sum(tt::eq(digit, batch.y)).item_as_int();
  for (int i = 0; i < 5; ++i)
    std::printf("image %d: predicted %d, is %d\n", i, static_cast<int>(digit[i].item()),
                static_cast<int>(batch.y[i].item()));
  std::printf("%d of %d digits that it never saw are right\n", static_cast<int>(right),
              static_cast<int>(digits.test->size()));
  return right > 340 ? 0 : 1;
}
