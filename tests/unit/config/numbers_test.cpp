// The ranges of the numbers of an experiment.
#include "tinytorch/config/numbers.h"

#include <gtest/gtest.h>

#include "tinytorch/config/experiment.h"

namespace tinytorch {
namespace {

// "" when `key` may be `value`.
std::string error_of(const std::string& key, const std::string& value) {
  Config config = Config::parse("", "e.toml");
  config.override_with(key + "=" + value);
  try {
    read_number(config, key, 1);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(Numbers, StayInsideTheRangeOfTheirKey) {
  const struct {
    const char* key;
    const char* inside;
    const char* outside;
  } cases[] = {{"model.dropout", "1", "1.5"},
               {"model.layers.0.p", "0", "-0.1"},
               {"model.layers.12.eps", "0", "-1"},
               {"model.layers.1.momentum", "1", "5.0"},
               {"model.layers.1.alpha", "-3", "inf"},
               {"model.layers.1.beta", "2", "0"},
               {"optim.lr", "0", "-1e-3"},
               {"optim.groups.0.lr", "7", "nan"},
               {"optim.alpha", "0.99", "2"},
               {"optim.betas", "0", "1"},
               {"optim.eps", "0", "nan"},
               {"schedule.min_lr", "0", "-1"},
               {"schedule.gamma", "1.5", "0"},
               {"train.clip_norm", "0", "nan"},
               {"train.clip_value", "1e9", "nan"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.key);
    EXPECT_EQ(error_of(c.key, c.inside), "");
    EXPECT_NE(error_of(c.key, c.outside).find(std::string("command line: ") + c.key + ": "),
              std::string::npos);
    EXPECT_NE(error_of(c.key, "nan").find("nan is out of range, expected a"), std::string::npos);
  }
  EXPECT_EQ(error_of("train.clip_norm", "-1"),
            "command line: train.clip_norm: -1 is out of range, expected a number of at least 0.");
}

TEST(Numbers, WithoutARangeAreAMistakeOfOurs) {
  const Config config = Config::parse("", "e.toml");
  EXPECT_THROW(read_number(config, "train.warmth", 1), Error);
}

TEST(Numbers, OfEveryOptimizerHaveOne) {
  for (const char* name : {"sgd", "adam", "adamw", "rmsprop", "adagrad", "lion"}) {
    Config config = Config::parse(
        std::string("[model]\nlayers = [3, 2]\n[optim]\nname = '") + name + "'", "e.toml");
    EXPECT_NO_THROW(read_optimizer(config, *make_model(config))) << name;
  }
}

}  // namespace
}  // namespace tinytorch
