// tito eval: loss and accuracy of a run's best checkpoint on its test set.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "tinytorch/config/experiment.h"
#include "tinytorch/config/run.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  const RunFolder folder = RunFolder::open(args.text("RUN_DIR"));
  Config config = folder.load_config();
  const data::DataSource source = read_data(config, folder.tokenizer());
  const auto model = make_model(config, &source);
  const optim::Progress progress =
      optim::load_checkpoint(folder.best_checkpoint(), *model, nullptr);
  const auto loader = make_test_loader(config, source);
  const optim::EvalReport report = optim::evaluate(*model, *loader);
  if (args.json())
    print_json({{"dataset", source.name},
                {"samples", report.samples},
                {"loss", report.loss},
                {"accuracy", report.accuracy}});
  else
    fmt::print("{}: {} test samples, loss {:.4f}, accuracy {:.2f} % (best checkpoint, step {})\n",
               source.name, report.samples, report.loss, 100 * report.accuracy, progress.step);
  return kOk;
}

}  // namespace

extern const Command eval_command{"eval",
                                  "loss and accuracy of a run's best checkpoint on the test data",
                                  "tito eval runs/mlp-digits-001 --json",
                                  {{"RUN_DIR", "the folder of a run"}},
                                  {},
                                  run};

}  // namespace tinytorch::cli
