#pragma once
// Short trainings of the ready models on random data, run by the Trainer itself.
#include <functional>
#include <memory>
#include <string>

#include "tinytorch/core/parallel.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/models.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/optim/trainer.h"

namespace tinytorch::optim {

// Sanitizers make the kernels a hundred times slower: there the same trainings are smaller.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

struct Workload {
  std::string name;
  nn::ModelSpec spec;
  Shape sample;  // of one input
  int64_t classes = 10, batch = 64, samples = 64 * 6;
  std::function<std::unique_ptr<Optimizer>(std::vector<Tensor>)> optimizer;
};

inline auto adam(double lr, double weight_decay = 0, bool decoupled = false) {
  return [=](std::vector<Tensor> parameters) -> std::unique_ptr<Optimizer> {
    AdamOptions o;
    o.lr = lr, o.weight_decay = weight_decay, o.decoupled = decoupled;
    return std::make_unique<Adam>(std::move(parameters), o);
  };
}

inline auto sgd(double lr, double momentum) {
  return [=](std::vector<Tensor> parameters) -> std::unique_ptr<Optimizer> {
    SgdOptions o;
    o.lr = lr, o.momentum = momentum, o.nesterov = momentum > 0;
    return std::make_unique<Sgd>(std::move(parameters), o);
  };
}

// What a training is made of, from seed 0: the same each time it is built.
struct Training {
  std::shared_ptr<nn::Module> model;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<DataLoader> train, test;
  std::unique_ptr<Trainer> trainer;

  Training(const Workload& w, TrainerOptions options, int64_t test_samples = 8) {
    manual_seed(0);
    train = loader(w, w.samples, w.batch, true);
    test = loader(w, test_samples, test_samples, false);
    model = nn::make_model(w.spec);
    optimizer = w.optimizer(model->parameters());
    Schedule schedule;
    schedule.name = "cosine", schedule.warmup_steps = 2, schedule.total_steps = 100;
    trainer = std::make_unique<Trainer>(*model, *optimizer, schedule, *train, *test, options);
  }

 private:
  static std::unique_ptr<DataLoader> loader(const Workload& w, int64_t samples, int64_t batch,
                                            bool shuffle) {
    Shape x = {samples}, y = {samples};
    for (const int64_t n : w.sample) x.push_back(n);
    const bool tokens = w.spec.name == "gpt";
    if (tokens) y = x;
    LoaderOptions o;
    o.batch_size = batch, o.shuffle = shuffle, o.seed = 7;
    return std::make_unique<DataLoader>(
        std::make_shared<TensorDataset>(tokens ? randint(0, w.classes, x) : randn(x),
                                        randint(0, w.classes, y)),
        o);
  }
};

// Sets a number of threads for as long as it lives.
class Threads {
 public:
  explicit Threads(int count) : before_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace tinytorch::optim
