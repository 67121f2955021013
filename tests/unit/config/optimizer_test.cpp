// [optim] and its groups. What the optimizers make of their options: tests/unit/golden.
#include <gtest/gtest.h>

#include "tinytorch/config/experiment.h"

namespace tinytorch {
namespace {

constexpr const char* kModel = "[model]\nlayers = [3, 4, 2]\n";

template <class O>
const O& made(const std::string& toml, std::unique_ptr<optim::Optimizer>& keep) {
  Config config = Config::parse(kModel + toml, "e.toml");
  keep = read_optimizer(config, *make_model(config));
  config.reject_unknown();
  return dynamic_cast<const O&>(*keep);
}

std::string error_of(const std::string& toml) {
  try {
    std::unique_ptr<optim::Optimizer> keep;
    made<optim::Optimizer>(toml, keep);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "(no error)";
}

TEST(OptimizerConfig, GroupsTakeWhatTheyNameAndTheRestOfTheOptions) {
  std::unique_ptr<optim::Optimizer> keep;
  const auto& adam = made<optim::Adam>(
      "[optim]\nname = 'adamw'\nlr = 0.02\nbetas = [0.8, 0.95]\n"
      "[[optim.groups]]\nparameters = ['*.bias']\nweight_decay = 0\n"
      "[[optim.groups]]\nparameters = ['2.we*t']\nlr = 0.01\n",
      keep);
  EXPECT_EQ(adam.options(0).weight_decay, 0.01);
  EXPECT_EQ(adam.options(1).weight_decay, 0);
  EXPECT_EQ(adam.options(2).weight_decay, 0.01);
  EXPECT_EQ(adam.options(1).lr, 0.02);
  EXPECT_EQ(adam.options(2).lr, 0.01);
  EXPECT_EQ(adam.options(2).beta2, 0.95);
  EXPECT_TRUE(adam.options(2).decoupled);
  // the rest, then group by group: 0.weight; 0.bias, 2.bias; 2.weight
  const auto& p = adam.parameters();
  ASSERT_EQ(p.size(), 4u);
  EXPECT_EQ(p[0].shape(), (Shape{4, 3}));
  EXPECT_EQ(p[1].shape(), (Shape{4}));
  EXPECT_EQ(p[2].shape(), (Shape{2}));
  EXPECT_EQ(p[3].shape(), (Shape{2, 4}));
}

TEST(OptimizerConfig, GroupsThatCannotBeAreRefused) {
  const auto group = [](const std::string& text) { return error_of("[[optim.groups]]\n" + text); };
  EXPECT_EQ(group("parameters = ['*.bias']\n"), "(no error)");
  EXPECT_NE(group("lr = 1\n").find("optim.groups.0.parameters is missing"), std::string::npos);
  EXPECT_NE(group("parameters = ['*.bais']\n")
                .find("'*.bais' is no parameter's name; a * stands for any characters. Those that "
                      "no group before has: 0.weight, 0.bias, 2.weight, 2.bias."),
            std::string::npos);
  EXPECT_NE(group("parameters = []\n").find("names no parameter"), std::string::npos);
  EXPECT_NE(group("parameters = ['*']\n[[optim.groups]]\nparameters = ['0.bias']\n")
                .find("'0.bias' is no parameter's name"),
            std::string::npos);
  EXPECT_NE(group("parameters = ['*.bias']\nmomentum = 1\n").find("unknown key"),
            std::string::npos);
  EXPECT_NE(error_of("[optim]\nlr = 0\n[[optim.groups]]\nparameters = ['*.bias']\nlr = 1\n")
                .find("first group has the rate 0"),
            std::string::npos);
}

}  // namespace
}  // namespace tinytorch
