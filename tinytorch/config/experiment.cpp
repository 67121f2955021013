#include "tinytorch/config/experiment.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tinytorch/config/layers.h"
#include "tinytorch/config/numbers.h"
#include "tinytorch/config/suggest.h"
#include "tinytorch/core/format.h"
#include "tinytorch/core/random.h"
#include "tinytorch/data/safetensors.h"

namespace tinytorch {

namespace {

// A size from the config, else from the data (loaded on first need), written back.
class Sizes {
 public:
  Sizes(Config& config, const data::DataSource* source) : config_(config), source_(source) {}
  int64_t get(const char* key, int64_t data::DataSource::* field) {
    if (!config_.has(key)) config_.set_default(key, source().*field);
    return config_.get_at_least(key, 1, 1);
  }
  const data::DataSource& source() {
    if (!source_) {
      loaded_ = read_data(config_);
      source_ = &loaded_;
    }
    return *source_;
  }

 private:
  Config& config_;
  const data::DataSource* source_;
  data::DataSource loaded_;
};

std::vector<int64_t> mlp_layers(Config& config, Sizes& sizes) {
  if (!config.has("model.layers")) {
    const data::DataSource& s = sizes.source();
    config.set_default("model.layers",
                       std::vector<int64_t>{s.channels * s.height * s.width, 128, s.classes});
  }
  auto layers = config.get<std::vector<int64_t>>("model.layers");
  if (layers.size() < 2)
    config.refuse("model.layers", "needs at least an input and an output size");
  for (const int64_t n : layers)
    if (n < 1) config.refuse("model.layers", "sizes must be positive");
  return layers;
}

// Refuses a model that cannot take these data, before anything is trained.
void check_fits(const Config& config, const nn::ModelSpec& spec, const data::DataSource& source) {
  const auto check = [&](bool fits, const char* key, int64_t given, int64_t needed,
                         const char* what) {
    if (!fits)
      config.refuse(key, format_text("{} does not fit {}, which has {} {}. Hint: leave it out, and "
                                     "it follows from the data.",
                                     given, source.name, needed, what));
  };
  const bool gpt = spec.name == "gpt";
  if (gpt != source.is_text())
    config.refuse("model.name",
                  format_text("'{}' takes {}, not {} as in {}.", spec.name, gpt ? "text" : "images",
                              gpt ? "images" : "text", source.name));
  const bool mlp = spec.name == "mlp";
  const int64_t classes = mlp ? spec.layers.back() : gpt ? spec.vocab_size : spec.num_classes;
  check(classes >= source.classes,
        mlp   ? "model.layers"
        : gpt ? "model.vocab_size"
              : "model.num_classes",
        classes, source.classes, gpt ? "tokens" : "classes");
  if (gpt) return;
  if (mlp) {
    const int64_t values = source.channels * source.height * source.width;
    check(spec.layers.front() == values, "model.layers", spec.layers.front(), values,
          "values a sample");
    return;
  }
  check(spec.in_channels == source.channels, "model.in_channels", spec.in_channels, source.channels,
        "channels");
  if (spec.name != "cnn") return;  // resnet20 takes images of any size
  if (source.height / 4 != source.width / 4)
    config.refuse("model.name", format_text("'cnn' takes square images, those of {} have {} x {} "
                                            "pixels. Hint: mlp, resnet20 or [[model.layers]].",
                                            source.name, source.height, source.width));
  check(spec.image_size == source.height, "model.image_size", spec.image_size, source.height,
        "pixels a side");
}

// data.mean and data.std, which go together; empty when they are not given.
data::ChannelStats given_stats(const Config& config) {
  const auto mean = config.find<std::vector<double>>("data.mean");
  const auto deviation = config.find<std::vector<double>>("data.std");
  if (mean.has_value() != deviation.has_value())
    config.refuse(mean ? "data.mean" : "data.std",
                  format_text("needs {} beside it", mean ? "data.std" : "data.mean"));
  if (!mean) return {};
  if (mean->empty() || mean->size() != deviation->size())
    config.refuse("data.mean", format_text("{} numbers, and data.std has {}: one of each a channel "
                                           "is needed",
                                           mean->size(), deviation->size()));
  for (const double m : *mean)
    if (!std::isfinite(m)) config.refuse("data.mean", format_text("{} is no mean", m));
  for (const double d : *deviation)
    if (!(d > 0 && std::isfinite(d)))
      config.refuse("data.std", format_text("{} is no deviation: it must be above 0", d));
  return {*mean, *deviation};
}

}  // namespace

data::DataSource read_data(Config& config, const std::string& run_tokenizer) {
  data::DataOptions options;
  const auto& names = data::dataset_names();
  if (!config.has("data.name")) config.reject_misspelt("data.name");
  if (!config.has("data.name"))
    config.refuse("data.name", format_text("is missing. Known: {}.", joined(names)));
  const std::string name = config.get<std::string>("data.name");
  const std::string kind = name.substr(0, name.find(':') + 1);  // "idx:", or "" for a plain name
  if (std::none_of(names.begin(), names.end(), [&](const std::string& known) {
        return kind.empty() ? known == name : known.starts_with(kind) && name != kind;
      }))
    config.refuse("data.name", format_text("'{}' is unknown. Hint: did you mean '{}'? Known: {}.",
                                           name, nearest_name(name, names), joined(names)));
  const bool text = data::is_text_dataset(name);
  options.normalize =
      data::normalize_from_name(config.choice("data.normalize", {"standard", "none"}, "standard"));
  const bool standard = !text && options.normalize == data::Normalize::kStandard;
  const data::ChannelStats given = given_stats(config);
  if (standard) options.stats = given;
  if (text) {
    options.block_size = config.get_at_least("model.block_size", 1, 128);
    options.tokenizer = config.get("data.tokenizer", "char");
    if (options.tokenizer == "bpe")
      options.vocab_size = config.get_at_least("data.vocab_size", 256, 1024);
    if (!run_tokenizer.empty() && data::has_tokenizer(run_tokenizer))
      options.tokenizer = run_tokenizer;
  }
  data::DataSource source = data::load_dataset(name, options);
  if (standard) {
    config.set_default("data.mean", source.stats.mean);
    config.set_default("data.std", source.stats.deviation);
  }
  return source;
}

data::ChannelStats read_normalization(Config& config) {
  const std::string name = config.get<std::string>("data.name");
  if (data::is_text_dataset(name) ||
      config.choice("data.normalize", {"standard", "none"}, "standard") == "none")
    return {};
  const data::ChannelStats given = given_stats(config);
  return given.mean.empty() ? read_data(config).stats : given;
}

std::string model_name(const Config& config) {
  const bool layers = has_layers(config);
  std::vector<std::string> names = nn::model_names();
  names.emplace_back("sequential");
  std::string name = config.choice("model.name", names, layers ? "sequential" : "mlp");
  if (layers != (name == "sequential"))
    config.refuse("model.name", layers ? format_text("a config with [[model.layers]] has a model "
                                                     "of the name 'sequential', not '{}'.",
                                                     name)
                                       : "a 'sequential' model is made of [[model.layers]], each "
                                         "with a type; there are none.");
  return name;
}

nn::ModelSpec read_model(Config& config, const data::DataSource* source) {
  nn::ModelSpec spec;
  spec.name = model_name(config);
  Sizes sizes(config, source);
  if (spec.name == "mlp") {
    spec.layers = mlp_layers(config, sizes);
  } else if (spec.name == "gpt") {
    spec.n_layer = config.get_at_least("model.n_layer", 1, 4);
    spec.n_head = config.get_at_least("model.n_head", 1, 4);
    spec.n_embd = config.get_at_least("model.n_embd", 1, 128);
    spec.block_size = config.get_at_least("model.block_size", 1, 128);
    spec.bias = config.get<bool>("model.bias", true);
    spec.dropout = read_number(config, "model.dropout", 0.0);
    spec.vocab_size = sizes.get("model.vocab_size", &data::DataSource::classes);
    if (spec.n_embd % spec.n_head != 0)
      config.refuse("model.n_head",
                    format_text("{} heads do not divide n_embd = {}", spec.n_head, spec.n_embd));
  } else {
    spec.in_channels = sizes.get("model.in_channels", &data::DataSource::channels);
    spec.image_size = sizes.get("model.image_size", &data::DataSource::height);
    spec.num_classes = sizes.get("model.num_classes", &data::DataSource::classes);
  }
  if (source) check_fits(config, spec, *source);
  return spec;
}

DType read_dtype(const Config& config) {
  return dtype_from_name(config.choice("train.dtype", {"f32", "f64"}, "f32").c_str());
}

std::shared_ptr<nn::Module> make_model(Config& config, const data::DataSource* source) {
  auto model = model_name(config) == "sequential" ? make_layers(config, source)
                                                  : nn::make_model(read_model(config, source));
  if (const DType dtype = read_dtype(config); dtype != DType::kF32) model->to(dtype);
  return model;
}

std::unique_ptr<DataLoader> make_test_loader(const Config& config, const data::DataSource& source) {
  LoaderOptions o;
  o.batch_size = config.get_at_least("train.eval_batch_size", 1, source.is_text() ? 16 : 256);
  o.dtype = read_dtype(config);
  return std::make_unique<DataLoader>(source.test, o);
}

namespace {

// More threads than any machine has cores to spare: a mistake, not a wish.
constexpr int64_t kMostWorkers = 256;

// [schedule], for a run of so many steps (0: not known).
optim::Schedule read_schedule(const Config& config, int64_t steps) {
  // A value that follows from the run's length does so again where a run is extended.
  const auto by_steps = [&](const char* key, int64_t otherwise) {
    if (config.has(key)) return config.get_at_least(key, 1, otherwise);
    config.note(key, otherwise);
    return otherwise;
  };
  optim::Schedule s;
  s.name = config.choice("schedule.name", optim::schedule_names(), "constant");
  s.warmup_steps = config.get_at_least("schedule.warmup_steps", 0, 0);
  if (s.name == "cosine" || s.name == "one_cycle")
    s.total_steps = by_steps("schedule.total_steps", std::max<int64_t>(steps, 1));
  if (s.name == "cosine" || s.name == "plateau")
    s.min_lr = read_number(config, "schedule.min_lr", 0.0);
  if (s.name == "step")
    s.step_size = by_steps("schedule.step_size", std::max<int64_t>(steps / 3, 1));
  if (s.name == "multi_step") {
    s.milestones = {std::max<int64_t>(steps / 2, 1),
                    std::max<int64_t>(steps - steps / 4 - (steps % 4 != 0), 1)};
    if (config.has("schedule.milestones"))
      s.milestones = config.get<std::vector<int64_t>>("schedule.milestones");
    else
      config.note("schedule.milestones", s.milestones);
  }
  if (s.name == "exponential") s.gamma = read_number(config, "schedule.gamma", 0.999);
  if (s.name == "step" || s.name == "multi_step" || s.name == "plateau")
    s.gamma = read_number(config, "schedule.gamma", 0.1);
  if (s.name == "one_cycle") {
    s.pct_start = read_number(config, "schedule.pct_start", 0.3);
    s.div_factor = read_number(config, "schedule.div_factor", 25.0);
    s.final_div_factor = read_number(config, "schedule.final_div_factor", 1e4);
  }
  if (s.name == "plateau") s.patience = config.get_at_least("schedule.patience", 0, 10);
  return s;
}

}  // namespace

Experiment make_experiment(Config& config, const std::string& checkpoints, bool resume,
                           const std::string& run_tokenizer) {
  Experiment e;
  config.reject_other_tables({"model", "data", "optim", "schedule", "train"});
  e.source = read_data(config, run_tokenizer);
  const auto seed = static_cast<uint64_t>(config.get_at_least("train.seed", 0, 0));
  manual_seed(seed);
  e.model = make_model(config, &e.source);
  // What a checkpoint will replace is not read: the file may be gone.
  if (const auto init = config.find<std::string>("train.init"); init && !resume)
    e.model->load_state_dict(data::read_safetensors(*init).tensors);
  e.optimizer = read_optimizer(config, *e.model);

  LoaderOptions loader;
  loader.batch_size = config.get_at_least("train.batch_size", 1, 64);
  loader.drop_last = config.get<bool>("train.drop_last", false);
  loader.shuffle = config.get<bool>("data.shuffle", true);
  loader.workers = static_cast<int>(config.get_between("data.workers", 0, kMostWorkers, 0));
  loader.seed = seed;
  loader.dtype = read_dtype(config);
  e.train = std::make_unique<DataLoader>(e.source.train, loader);
  e.test = make_test_loader(config, e.source);

  optim::TrainerOptions trainer;
  trainer.max_steps = config.get_at_least("train.max_steps", 0, 0);
  trainer.epochs = config.get_at_least("train.epochs", 0, trainer.max_steps > 0 ? 0 : 1);
  trainer.clip_norm = read_number(config, "train.clip_norm", 0.0);
  trainer.evaluate_every = config.get_at_least("train.evaluate_every", 0, 0);
  trainer.checkpoint_every = config.get_at_least("train.checkpoint_every", 0, 0);
  trainer.checkpoints = checkpoints;
  trainer.clip_value = read_number(config, "train.clip_value", 0.0);
  trainer.accumulate = config.get_at_least("train.accumulate", 1, 1);
  trainer.mixed_precision = config.choice("train.precision", {"f32", "bf16"}, "f32") == "bf16";
  if (trainer.mixed_precision && loader.dtype != DType::kF32)
    config.refuse("train.precision", "bf16 goes with train.dtype = \"f32\"");
  trainer.winograd =
      config.choice("train.convolution", {"direct", "winograd"}, "direct") == "winograd";
  trainer.patience = config.get_at_least("train.patience", 0, 0);

  const optim::Schedule schedule =
      read_schedule(config, optim::total_steps(trainer, e.train->batches()));
  config.find<std::string>(
      "train.out");  // read where the folder is made; known when a run is resumed
  config.reject_unknown();
  e.trainer = std::make_unique<optim::Trainer>(*e.model, *e.optimizer, schedule, *e.train, *e.test,
                                               trainer);
  return e;
}

}  // namespace tinytorch
