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

}  // namespace
}  // namespace tinytorch
