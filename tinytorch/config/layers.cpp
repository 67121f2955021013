#include "tinytorch/config/layers.h"

#include <algorithm>
#include <cctype>
#include <type_traits>

#include "tinytorch/config/experiment.h"
#include "tinytorch/config/numbers.h"
#include "tinytorch/config/suggest.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/multihead_attention.h"
#include "tinytorch/nn/norm.h"
#include "tinytorch/nn/normalization.h"
#include "tinytorch/nn/recurrent.h"
#include "tinytorch/nn/transposed_conv.h"

namespace tinytorch {

namespace {

using ModulePtr = std::shared_ptr<nn::Module>;

constexpr const char* kFlattenHint =
    " Hint: a layer of type \"Flatten\" comes between images and Linear layers.";

// What a layer's builder sees: its table, and the shape of what comes in when that is known.
class LayerConfig {
 public:
  LayerConfig(Config& config, int64_t index, const Shape* input, int64_t classes)
      : config_(config),
        prefix_(format_text("model.layers.{}.", index)),
        input_(input),
        classes_(classes) {}

  std::string key(const char* name) const { return prefix_ + name; }
  int64_t size(const char* name) const { return at_least(name, 1); }
  int64_t size(const char* name, int64_t otherwise, int64_t least = 1) const {
    return config_.get_at_least(key(name), least, otherwise);
  }
  bool flag(const char* name, bool otherwise) const {
    return config_.get<bool>(key(name), otherwise);
  }
  double number(const char* name, double otherwise) const {
    return read_number(config_, key(name), otherwise);
  }
  int64_t integer(const char* name, int64_t otherwise) const {
    return config_.get<int64_t>(key(name), otherwise);
  }
  std::string choice(const char* name, const std::vector<std::string>& choices,
                     const std::string& otherwise) const {
    return config_.choice(key(name), choices, otherwise);
  }
  // The size of dimension `dim` of the input; a size that is given must agree with it.
  int64_t input_size(const char* name, int dim) const {
    const std::string path = key(name);
    if (input_ && input_->rank() >= (dim < 0 ? -dim : dim + 1)) {
      const int64_t there = (*input_)[dim < 0 ? input_->rank() + dim : dim];
      if (config_.has(path) && config_.get<int64_t>(path) != there)
        config_.refuse(path,
                       format_text("is {}, but this layer's input has shape {}.{}",
                                   config_.get<int64_t>(path), input_->str(), hint_for(name)));
      config_.set_default(path, there);
    }
    return size(name);
  }
  // The size of what a last layer gives: the number of classes where the data is known.
  int64_t output_size(const char* name) const {
    if (classes_ > 0) config_.set_default(key(name), classes_);
    return size(name);
  }
  [[noreturn]] void refuse(const char* name, const std::string& why) const {
    config_.refuse(key(name), why);
  }

 private:
  // Of what is probably meant where a size does not fit.
  std::string hint_for(std::string_view name) const {
    return name == "in_features" && input_->rank() == 4
               ? kFlattenHint
               : format_text(" Hint: leave {} out, and it follows from the input.", name);
  }
  int64_t at_least(const char* name, int64_t least) const {
    const std::string path = key(name);
    if (!config_.has(path)) {
      config_.reject_misspelt(path);
      config_.refuse(path, "is missing, expected an integer.");
    }
    return config_.get_at_least(path, least, least);
  }
  Config& config_;
  std::string prefix_;
  const Shape* input_;
  int64_t classes_;  // 0 but for the last layer
};

struct LayerType {
  const char* name;
  ModulePtr (*build)(const LayerConfig&);
};

template <class M>
ModulePtr plain(const LayerConfig&) {
  return nn::make<M>();
}

ModulePtr linear(const LayerConfig& c) {
  const int64_t in = c.input_size("in_features", -1), out = c.output_size("out_features");
  return nn::make<nn::Linear>(in, out, c.flag("bias", true));
}

// `more` reads the options that only some convolutions have.
template <class Conv, class More>
ModulePtr any_conv(const LayerConfig& c, More more) {
  typename Conv::Options o;
  const int64_t in = c.input_size("in_channels", 1), out = c.size("out_channels"),
                kernel = c.size("kernel_size");
  o.stride = c.size("stride", 1), o.padding = c.size("padding", 0, 0);
  more(o);
  o.dilation = c.size("dilation", 1), o.groups = c.size("groups", 1);
  o.bias = c.flag("bias", true);
  if (in % o.groups != 0 || out % o.groups != 0)
    c.refuse("groups",
             format_text("{} groups do not divide {} and {} channels.", o.groups, in, out));
  return nn::make<Conv>(in, out, kernel, o);
}
template <class Conv>
ModulePtr conv(const LayerConfig& c) {
  return any_conv<Conv>(c, [](auto&) {});
}
ModulePtr conv_transpose2d(const LayerConfig& c) {
  return any_conv<nn::ConvTranspose2d>(
      c, [&](auto& o) { o.output_padding = c.size("output_padding", 0, 0); });
}

template <class Pool>
ModulePtr pool(const LayerConfig& c) {
  const int64_t kernel = c.size("kernel_size"), stride = c.size("stride", kernel);
  return nn::make<Pool>(kernel, stride, c.size("padding", 0, 0));
}

ModulePtr adaptive_avg_pool2d(const LayerConfig& c) {
  return nn::make<nn::AdaptiveAvgPool2d>(c.size("output_size"));
}

template <class Norm>
ModulePtr batch_norm(const LayerConfig& c) {
  const int64_t channels = c.input_size("num_features", 1);
  const double eps = c.number("eps", 1e-5);
  return nn::make<Norm>(channels, eps, c.number("momentum", 0.1));
}

ModulePtr group_norm(const LayerConfig& c) {
  const int64_t groups = c.size("num_groups"), channels = c.input_size("num_channels", 1);
  if (channels % groups != 0)
    c.refuse("num_groups", format_text("{} groups do not divide {} channels.", groups, channels));
  const double eps = c.number("eps", 1e-5);
  return nn::make<nn::GroupNorm>(groups, channels, eps, c.flag("affine", true));
}

ModulePtr rms_norm(const LayerConfig& c) {
  const int64_t features = c.input_size("normalized_shape", -1);
  return nn::make<nn::RMSNorm>(Shape{features}, c.number("eps", 0x1p-23));
}

// Samples come first: batch_first is true.
template <class Layer>
ModulePtr recurrent(const LayerConfig& c) {
  nn::RecurrentOptions o;
  const int64_t in = c.input_size("input_size", -1), hidden = c.size("hidden_size");
  o.num_layers = c.size("num_layers", 1), o.bias = c.flag("bias", true);
  o.dropout = c.number("dropout", 0);
  o.bidirectional = c.flag("bidirectional", false);
  o.batch_first = true;
  if constexpr (std::is_same_v<Layer, nn::RNN>)
    return nn::make<nn::RNN>(in, hidden, o,
                             c.choice("nonlinearity", {"tanh", "relu"}, "tanh") == "relu"
                                 ? nn::RNN::Nonlinearity::kRelu
                                 : nn::RNN::Nonlinearity::kTanh);
  else
    return nn::make<Layer>(in, hidden, o);
}

// Self-attention without a mask.
ModulePtr multihead_attention(const LayerConfig& c) {
  nn::MultiheadAttention::Options o;
  const int64_t features = c.input_size("embed_dim", -1), heads = c.size("num_heads");
  if (features % heads != 0)
    c.refuse("num_heads", format_text("{} heads cannot share {} features.", heads, features));
  o.dropout = c.number("dropout", 0), o.bias = c.flag("bias", true);
  o.batch_first = true;
  return nn::make<nn::MultiheadAttention>(features, heads, o);
}

ModulePtr layer_norm(const LayerConfig& c) {
  const int64_t features = c.input_size("normalized_shape", -1);
  const double eps = c.number("eps", 1e-5);
  return nn::make<nn::LayerNorm>(Shape{features}, eps, c.flag("bias", true));
}

ModulePtr embedding(const LayerConfig& c) {
  const int64_t entries = c.size("num_embeddings");
  return nn::make<nn::Embedding>(entries, c.size("embedding_dim"));
}

ModulePtr gelu(const LayerConfig& c) {
  return nn::make<nn::GELU>(c.choice("approximate", {"none", "tanh"}, "none") == "tanh"
                                ? GeluForm::kTanh
                                : GeluForm::kErf);
}

template <class Activation>
ModulePtr over_dim(const LayerConfig& c) {
  return nn::make<Activation>(c.integer("dim", -1));
}

ModulePtr leaky_relu(const LayerConfig& c) {
  return nn::make<nn::LeakyReLU>(c.number("negative_slope", 0.01));
}

ModulePtr elu(const LayerConfig& c) {
  return nn::make<nn::ELU>(c.number("alpha", 1));
}

ModulePtr softplus(const LayerConfig& c) {
  const double beta = c.number("beta", 1);
  return nn::make<nn::Softplus>(beta, c.number("threshold", 20));
}

ModulePtr dropout(const LayerConfig& c) {
  return nn::make<nn::Dropout>(c.number("p", 0.5));
}

ModulePtr flatten(const LayerConfig& c) {
  const int64_t start = c.integer("start_dim", 1);
  return nn::make<nn::Flatten>(start, c.integer("end_dim", -1));
}

// PyTorch's names and arguments.
constexpr LayerType kTypes[] = {
    {"Linear", linear},
    {"Conv2d", conv<nn::Conv2d>},
    {"Conv1d", conv<nn::Conv1d>},
    {"ConvTranspose2d", conv_transpose2d},
    {"MaxPool2d", pool<nn::MaxPool2d>},
    {"AvgPool2d", pool<nn::AvgPool2d>},
    {"AdaptiveAvgPool2d", adaptive_avg_pool2d},
    {"BatchNorm1d", batch_norm<nn::BatchNorm1d>},
    {"BatchNorm2d", batch_norm<nn::BatchNorm2d>},
    {"LayerNorm", layer_norm},
    {"GroupNorm", group_norm},
    {"RMSNorm", rms_norm},
    {"Embedding", embedding},
    {"RNN", recurrent<nn::RNN>},
    {"LSTM", recurrent<nn::LSTM>},
    {"GRU", recurrent<nn::GRU>},
    {"MultiheadAttention", multihead_attention},
    {"Dropout", dropout},
    {"Flatten", flatten},
    {"ReLU", plain<nn::ReLU>},
    {"GELU", gelu},
    {"SiLU", plain<nn::SiLU>},
    {"Tanh", plain<nn::Tanh>},
    {"Sigmoid", plain<nn::Sigmoid>},
    {"LeakyReLU", leaky_relu},
    {"ELU", elu},
    {"SELU", plain<nn::SELU>},
    {"Softplus", softplus},
    {"Mish", plain<nn::Mish>},
    {"Hardsigmoid", plain<nn::Hardsigmoid>},
    {"Hardswish", plain<nn::Hardswish>},
    {"Softmax", over_dim<nn::Softmax>},
    {"LogSoftmax", over_dim<nn::LogSoftmax>},
    {"Identity", plain<nn::Identity>},
};

// "batch_norm2d" and "BatchNorm2d" are one.
std::string spelled(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != '_' && c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

const LayerType& layer_type(const Config& config, int64_t index) {
  const std::string key = format_text("model.layers.{}.type", index);
  const std::string name = config.get<std::string>(key);
  for (const LayerType& type : kTypes)
    if (spelled(type.name) == spelled(name)) return type;
  const std::vector<std::string> known = layer_types();
  config.refuse(key, format_text("'{}' is unknown. Hint: did you mean '{}'? Known: {}.", name,
                                 nearest_name(name, known), joined(known)));
}

// A Sequential that flattens what comes in, as the mlp does, where it begins with a Linear.
class Stack final : public nn::Sequential {
 public:
  const char* kind() const override { return "Stack"; }
  Tensor forward(const Tensor& x) override {
    const bool rows = size() > 0 && std::string_view((*this)[0].kind()) == "Linear";
    return Sequential::forward(rows && x.dim() == 4 ? x.flatten(1) : x);
  }
};

// One sample as the network gets it.
Tensor sample_of(const Config& config) {
  const auto shape = config.get<std::vector<int64_t>>("model.input_shape");
  Shape batch = {1};
  for (const int64_t n : shape) {
    if (n < 1) config.refuse("model.input_shape", "sizes must be positive");
    batch.push_back(n);
  }
  return zeros(batch, layers_take_tokens(config) ? DType::kI64 : DType::kF32);
}

}  // namespace

bool has_layers(const Config& config) {
  return config.count_tables("model.layers") > 0;
}

bool layers_take_tokens(const Config& config) {
  return std::string_view(layer_type(config, 0).name) == "Embedding";
}

std::vector<std::string> layer_types() {
  std::vector<std::string> names;
  for (const LayerType& type : kTypes) names.emplace_back(type.name);
  return names;
}

namespace {

// Tokens go into an Embedding that has a row for each, and nothing else does.
void check_first_layer(Config& config, const data::DataSource& source) {
  const bool tokens = layers_take_tokens(config);
  if (tokens != source.is_text())
    config.refuse("model.layers.0.type",
                  tokens ? format_text("an Embedding takes tokens, {} has images.", source.name)
                         : format_text("{} is text, whose tokens only an Embedding takes. Hint: "
                                       "begin with a layer of type \"Embedding\".",
                                       source.name));
  if (!tokens) return;
  const char* key = "model.layers.0.num_embeddings";
  config.set_default(key, source.classes);
  if (const auto rows = config.get<int64_t>(key); rows < source.classes)
    config.refuse(key, format_text("{} does not fit {}, which has {} tokens. Hint: leave it out, "
                                   "and it follows from the data.",
                                   rows, source.name, source.classes));
}

}  // namespace

ModulePtr make_layers(Config& config, const data::DataSource* source) {
  const int64_t count = config.count_tables("model.layers");
  data::DataSource loaded;
  if (!source && !config.has("model.input_shape")) source = &(loaded = read_data(config));
  if (source) {
    const auto shape = source->is_text()
                           ? std::vector<int64_t>{config.get_at_least("model.block_size", 1, 128)}
                           : std::vector<int64_t>{source->channels, source->height, source->width};
    config.set_default("model.input_shape", shape);
    if (config.get<std::vector<int64_t>>("model.input_shape") != shape)
      config.refuse("model.input_shape",
                    format_text("does not fit {}, whose samples have shape [{}]. Hint: leave it "
                                "out, and it follows from the data.",
                                source->name, joined(shape)));
    check_first_layer(config, *source);
  }
  const NoGrad no_grad;
  const auto stack = std::make_shared<Stack>();
  Tensor x = sample_of(config);
  for (int64_t i = 0; i < count; ++i) {
    const LayerType& type = layer_type(config, i);
    if (i == 0 && std::string_view(type.name) == "Linear" && x.dim() == 4) x = x.flatten(1);
    const Shape shape = x.shape();
    stack->push_back(
        type.build(LayerConfig(config, i, &shape, source && i + 1 == count ? source->classes : 0)));
    (*stack)[i].eval();  // what it gives for one sample; a batch norm would refuse to train on it
    try {
      x = (*stack)[i](x);
    } catch (const MemoryError&) {  // no mistake of the layer's
      throw;
    } catch (const Error& e) {
      config.refuse(format_text("model.layers.{}.type", i),
                    format_text("the {} cannot take its input of shape {}: {}", type.name,
                                shape.str(), e.what()));
    }
  }
  stack->train();
  if (source) {
    const int64_t classes = source->classes;
    const bool text = source->is_text();  // logits for each token
    const Shape wanted = text ? Shape{1, sample_of(config).size(1), classes} : Shape{1, classes};
    const bool fits =
        x.dim() == wanted.rank() && x.size(-1) >= classes && (!text || x.size(1) == wanted[1]);
    if (!fits)
      config.refuse(
          format_text("model.layers.{}.type", count - 1),
          format_text("the last layer gives {} for one sample, {} wants {}.{}", x.shape().str(),
                      source->name, wanted.str(), !text && x.dim() > 2 ? kFlattenHint : ""));
  }
  return stack;
}

}  // namespace tinytorch
