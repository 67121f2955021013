#include "tinytorch/config/layers.h"

#include <gtest/gtest.h>

#include "tinytorch/config/experiment.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

// The ready cnn in 11 tables, for images of 1 x 8 x 8 and 10 classes.
std::string cnn_as_layers() {
  std::string toml = "[model]\ninput_shape = [1, 8, 8]\n";
  for (const char* table : {"type = 'Conv2d'\nout_channels = 32\nkernel_size = 3\npadding = 1",
                            "type = 'ReLU'", "type = 'MaxPool2d'\nkernel_size = 2",
                            "type = 'conv2d'\nout_channels = 64\nkernel_size = 3\npadding = 1",
                            "type = 're_lu'", "type = 'max_pool2d'\nkernel_size = 2",
                            "type = 'Flatten'", "type = 'Linear'\nout_features = 128",
                            "type = 'ReLU'", "type = 'linear'\nout_features = 10"})
    toml += std::string("[[model.layers]]\n") + table + "\n";
  return toml;
}

std::vector<float> values(const Tensor& t) {
  const Tensor dense = t.detach().to(DType::kF32).contiguous();
  return {dense.data<float>(), dense.data<float>() + dense.numel()};
}

std::string error_of(const std::string& toml, const std::string& override_with = "") {
  try {
    Config config = Config::parse(toml, "e.toml");
    if (!override_with.empty()) config.override_with(override_with);
    make_model(config);
    config.reject_unknown();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "(no error)";
}

TEST(Layers, AreTheModelThatTheyDescribe) {
  Config config = Config::parse(cnn_as_layers(), "e.toml"),
         ready = Config::parse("[model]\nname='cnn'\nin_channels=1\nimage_size=8\nnum_classes=10",
                               "cnn.toml");
  manual_seed(5);
  const auto stack = make_model(config);
  manual_seed(5);
  const auto cnn = make_model(ready);
  const auto a = stack->state_dict(), b = cnn->state_dict();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_EQ(values(a[i].second), values(b[i].second)) << a[i].first;
  }
  const Tensor x = randn({2, 1, 8, 8});
  EXPECT_EQ(values((*stack)(x)), values((*cnn)(x)));
  EXPECT_TRUE(stack->training());
}

TEST(Layers, SizesThatFollowAreWrittenBack) {
  Config config = Config::parse(cnn_as_layers(), "e.toml");
  make_model(config);
  EXPECT_EQ(config.get<int64_t>("model.layers.3.in_channels"), 32);
  EXPECT_EQ(config.get<int64_t>("model.layers.7.in_features"), 256);
  EXPECT_EQ(config.get<int64_t>("model.layers.2.stride"), 2);
  const std::string text = config.dump();
  EXPECT_LT(text.find("[model]\n"), text.find("[[model.layers]]\n"));
  Config again = Config::parse(text, "dump.toml");
  EXPECT_EQ(again.count_tables("model.layers"), 10);
  make_model(again);
  again.reject_unknown();
  EXPECT_EQ(again.dump(), text);
}

TEST(Layers, AFirstLinearTakesImages) {
  Config config = Config::parse(
      "[model]\ninput_shape = [1, 8, 8]\n[[model.layers]]\ntype='linear'\nout_features=3", "e");
  const auto model = make_model(config);
  EXPECT_EQ((*model)(zeros({5, 1, 8, 8})).shape(), (Shape{5, 3}));
  EXPECT_EQ((*model)(zeros({5, 64})).shape(), (Shape{5, 3}));
}

TEST(Layers, ErrorsNameTheLayerAndWhatToDo) {
  const std::string cnn = cnn_as_layers();
  EXPECT_EQ(error_of(cnn), "(no error)");
  EXPECT_EQ(error_of(cnn, "model.layers.4.type=lineal")
                .find("command line: model.layers.4.type: 'lineal' is unknown. Hint: did you mean "
                      "'Linear'? Known: Linear, Conv2d"),
            0u);
  EXPECT_NE(
      error_of(cnn, "model.layers.7.in_features=7")
          .find("model.layers.7.in_features: is 7, but this layer's input has shape [1, 256]"),
      std::string::npos);
  EXPECT_NE(error_of(cnn, "model.layers.1.p=0.5").find("unknown key 'model.layers.1.p'"),
            std::string::npos);
  EXPECT_NE(error_of(cnn, "model.layers.12.type=ReLU").find("model.layers has 10 tables"),
            std::string::npos);
  EXPECT_NE(error_of(cnn, "model.name=cnn").find("has a model of the name 'sequential'"),
            std::string::npos);
  EXPECT_NE(error_of("[model]\nname='sequential'\n").find("there are none"), std::string::npos);
  EXPECT_NE(error_of("[model]\ninput_shape=[3]\n[[model.layers]]\nout=3\n")
                .find("model.layers.0.type is missing"),
            std::string::npos);
  EXPECT_NE(error_of("[model]\ninput_shape=[1,4,4]\n[[model.layers]]\ntype='MaxPool2d'\n"
                     "kernel_size=9\n")
                .find("e.toml:4:1: model.layers.0.type: the MaxPool2d cannot take its input of "
                      "shape [1, 1, 4, 4]"),
            std::string::npos);
  EXPECT_NE(error_of("[model]\nlayers = [1, {type='ReLU'}]\n").find("either tables or values"),
            std::string::npos);
}

// Of data that are never loaded: samples of that shape.
std::string error_on(const data::DataSource& source, const std::string& layers) {
  Config config = Config::parse(layers, "e.toml");
  try {
    make_layers(config, &source);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "(no error)";
}

TEST(Layers, ThatDoNotFitTheDataAreRefusedBeforeTheyTrain) {
  data::DataSource text;
  text.name = "persuasion", text.classes = 75;
  text.tokenizer = std::make_shared<data::CharTokenizer>(data::CharTokenizer::train("abc"));
  const std::string block = "[model]\nblock_size = 16\n",
                    embedding = "[[model.layers]]\ntype = 'Embedding'\nembedding_dim = 8\n",
                    conv = "[[model.layers]]\ntype='Conv1d'\nout_channels=8\nkernel_size=1\n",
                    linear = "[[model.layers]]\ntype = 'Linear'\n";
  EXPECT_EQ(error_on(text, block + embedding + linear), "(no error)");
  EXPECT_NE(error_on(text, block + embedding + conv + linear)
                .find("gives [1, 8, 75] for one sample, persuasion wants [1, 16, 75]."),
            std::string::npos);
  EXPECT_NE(error_on(text, linear).find("model.layers.0.type: persuasion is text, whose tokens"),
            std::string::npos);
  EXPECT_NE(error_on(text, block + embedding + "num_embeddings = 10\n" + linear)
                .find("num_embeddings: 10 does not fit persuasion, which has 75 tokens"),
            std::string::npos);

  data::DataSource images;
  images.name = "digits", images.classes = 10;
  images.channels = 1, images.height = images.width = 8;
  EXPECT_NE(error_on(images, embedding + "num_embeddings = 10\n")
                .find("an Embedding takes tokens, digits has images"),
            std::string::npos);
  const std::string conv2d = "[[model.layers]]\ntype='Conv2d'\nout_channels=4\nkernel_size=3\n";
  const std::string wrong = error_on(images, conv2d + "in_channels = 3\n");
  EXPECT_NE(wrong.find("in_channels: is 3, but this layer's input has shape [1, 1, 8, 8]. Hint: "
                       "leave in_channels out"),
            std::string::npos)
      << wrong;
  EXPECT_NE(error_on(images, conv2d + linear + "in_features = 144\n").find("\"Flatten\""),
            std::string::npos);
  EXPECT_NE(error_on(images, conv2d).find("\"Flatten\""), std::string::npos);
  EXPECT_NE(error_on(images, "[[model.layers]]\ntype='Conv2d'\nout_chanels=4\nkernel_size=3\n")
                .find("unknown key 'model.layers.0.out_chanels'. Hint: did you mean "
                      "'model.layers.0.out_channels', which is missing?"),
            std::string::npos);
}

TEST(Layers, OfTheReadyCnnTakeSquareImages) {
  data::DataSource wide;
  wide.name = "wide", wide.classes = 10, wide.channels = 1, wide.height = 12, wide.width = 16;
  Config config = Config::parse("[model]\nname = 'cnn'\n", "e.toml");
  try {
    read_model(config, &wide);
    ADD_FAILURE() << "no error";
  } catch (const ConfigError& e) {
    EXPECT_NE(std::string(e.what()).find("those of wide have 12 x 16 pixels"), std::string::npos)
        << e.what();
  }
}

// Each in a stack that leaves out what follows from the input; names and sizes of parameters show
// that its arguments arrived.
TEST(Layers, SequencesNormsAndActivations) {
  const struct {
    const char* input;
    const char* layer;
    Shape output;
    int64_t parameters;
  } cases[] = {
      {"[4, 9]", "type='Conv1d'\nout_channels=6\nkernel_size=3\nstride=2\ngroups=2", {1, 6, 4}, 42},
      {"[4, 3, 3]",
       "type='ConvTranspose2d'\nout_channels=2\nkernel_size=3\nstride=2\noutput_padding=1\nbias="
       "false",
       {1, 2, 8, 8},
       72},
      {"[5, 2]", "type='BatchNorm1d'", {1, 5, 2}, 10},
      {"[6, 2]", "type='GroupNorm'\nnum_groups=3", {1, 6, 2}, 12},
      {"[6, 2]", "type='GroupNorm'\nnum_groups=3\naffine=false", {1, 6, 2}, 0},
      {"[6, 2]", "type='RMSNorm'", {1, 6, 2}, 2},
      {"[7, 3]", "type='LSTM'\nhidden_size=5\nnum_layers=2\nbidirectional=true", {1, 7, 10}, 1080},
      {"[7, 3]", "type='GRU'\nhidden_size=4\nbias=false", {1, 7, 4}, 84},
      {"[7, 3]", "type='RNN'\nhidden_size=4\nnonlinearity='relu'", {1, 7, 4}, 36},
      {"[7, 6]", "type='MultiheadAttention'\nnum_heads=2", {1, 7, 6}, 168},
      {"[3]", "type='LeakyReLU'\nnegative_slope=0.5", {1, 3}, 0},
      {"[3]", "type='ELU'\nalpha=0.5", {1, 3}, 0},
      {"[3]", "type='Softplus'\nbeta=2", {1, 3}, 0},
      {"[3]", "type='LogSoftmax'", {1, 3}, 0}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.layer);
    Config config = Config::parse(
        std::string("[model]\ninput_shape=") + c.input + "\n[[model.layers]]\n" + c.layer,
        "e.toml");
    const auto model = make_model(config);
    config.reject_unknown();
    const auto sizes = config.get<std::vector<int64_t>>("model.input_shape");
    Shape input = {1};
    for (const int64_t n : sizes) input.push_back(n);
    model->eval();
    EXPECT_EQ((*model)(ones(input)).shape(), c.output);
    EXPECT_EQ(model->parameter_count(), c.parameters);
  }
  const std::string start = "[model]\ninput_shape=[4]\n[[model.layers]]\n";
  Config slope = Config::parse(start + "type='leaky_relu'\nnegative_slope=0.5", "e.toml");
  EXPECT_EQ((*make_model(slope))(full({1}, -4)).item(), -2);
  EXPECT_NE(
      error_of("[model]\ninput_shape=[4, 3]\n[[model.layers]]\ntype='GroupNorm'\nnum_groups=3")
          .find("model.layers.0.num_groups: 3 groups do not divide 4 channels"),
      std::string::npos);
  EXPECT_NE(error_of("[model]\ninput_shape=[2, 4]\n[[model.layers]]\ntype='MultiheadAttention'\n"
                     "num_heads=3")
                .find("model.layers.0.num_heads: 3 heads cannot share 4 features"),
            std::string::npos);
}

}  // namespace
}  // namespace tinytorch
