#include "tinytorch/config/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "tinytorch/core/error.h"

namespace tinytorch {
namespace {

constexpr const char* kFile = R"(# an experiment
[model]
name = "mlp"
layers = [784, 512, 10]

[optim]
lr = 1e-3
betas = [0.9, 1]
nesterov = true

[train]
epochs = 3
note = "tab\t and \"quotes\" é"
)";

template <class Fn>
std::string error_of(Fn fn) {
  try {
    fn();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "(no error)";
}

// Variables of the environment for the time of a test.
struct ScopedEnv {
  ScopedEnv(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~ScopedEnv() { unsetenv(name_); }
  const char* name_;
};

TEST(Config, ReadsEveryType) {
  const Config c = Config::parse(kFile, "e.toml");
  EXPECT_EQ(c.get<std::string>("model.name"), "mlp");
  EXPECT_EQ(c.get<std::vector<int64_t>>("model.layers"), (std::vector<int64_t>{784, 512, 10}));
  EXPECT_EQ(c.get<double>("optim.lr"), 1e-3);
  EXPECT_EQ(c.get<std::vector<double>>("optim.betas"), (std::vector<double>{0.9, 1.0}));
  EXPECT_TRUE(c.get<bool>("optim.nesterov"));
  EXPECT_EQ(c.get<int64_t>("train.epochs"), 3);
  EXPECT_EQ(c.get<double>("train.epochs"), 3.0);  // an integer serves as a number
  EXPECT_EQ(c.get<int64_t>("train.max_steps", 7), 7);
  EXPECT_EQ(c.get("train.out", "runs"), "runs");
  EXPECT_FALSE(c.find<int64_t>("train.seed").has_value());
  EXPECT_EQ(error_of([&] { c.reject_unknown(); }).find("e.toml:13:1: unknown key 'train.note'"),
            0u);
  c.get<std::string>("train.note");
  c.reject_unknown();
}

TEST(Config, UnknownKeyNamesPlaceAndNearest) {
  const Config c = Config::parse("[optim]\nlr = 1\nmomentun = 0.9\n", "e.toml");
  c.get<double>("optim.lr", 0.1);
  c.get<double>("optim.momentum", 0.0);
  EXPECT_EQ(error_of([&] { c.reject_unknown(); }),
            "e.toml:3:1: unknown key 'optim.momentun'. Hint: did you mean 'optim.momentum'?");
}

TEST(Config, UnknownTableEvenWhenEmpty) {
  const Config c = Config::parse("[optim]\n[tarin]\n", "e.toml");
  c.get<double>("optim.lr", 0.1);
  c.get<int64_t>("train.epochs", 1);
  EXPECT_NE(error_of([&] { c.reject_unknown(); }).find("e.toml:2:2: unknown table 'tarin'."),
            std::string::npos);
}

TEST(Config, WrongTypesSayWhatWasFoundAndWhere) {
  const Config c = Config::parse("[train]\nepochs = 2.5\nlr = \"fast\"\nl = [1, 2.5]\n", "e.toml");
  EXPECT_EQ(error_of([&] { c.get<int64_t>("train.epochs"); }),
            "e.toml:2:1: train.epochs is the number 2.5, expected an integer.");
  EXPECT_EQ(error_of([&] { c.get<double>("train.lr"); }),
            "e.toml:3:1: train.lr is the string \"fast\", expected a number.");
  EXPECT_EQ(error_of([&] { c.get<std::vector<int64_t>>("train.l"); }),
            "e.toml:4:1: train.l is the list [1, 2.5], expected a list of integers.");
  EXPECT_EQ(error_of([&] { c.get<std::string>("train.epochs"); }),
            "e.toml:2:1: train.epochs is the number 2.5, expected a string.");
  EXPECT_EQ(error_of([&] { c.get<bool>("train.shuffle"); }),
            "e.toml: train.shuffle is missing, expected true or false.");
}

TEST(Config, NotTomlGivesLineAndColumn) {
  const std::string text = error_of([] { Config::parse("[a]\nb = \n", "e.toml"); });
  EXPECT_EQ(text.find("e.toml:2:"), 0u) << text;
  EXPECT_NE(error_of([] { Config::parse("[a]\nb=1\nb=2\n", "e"); }).find("e:3:"),
            std::string::npos);
  EXPECT_NE(error_of([] { Config::parse("[,]", "e"); }).find("e:1:2: "), std::string::npos);
  EXPECT_NE(
      error_of([] { Config::parse("x = [1, {a = 1}]", "e"); }).find("either tables or values"),
      std::string::npos);
}

TEST(Config, OverridesAreTomlOrElseText) {
  Config c = Config::parse(kFile, "e.toml");
  for (const char* s :
       {"optim.lr=0.5", "optim.name=adam", "model.layers=[4, 2]", "optim.nesterov=false",
        "train.out=runs/a b=c", "train.tag=2024-01-01", "train.label=", "train.accent=0.0aÚ",
        "train.text=3\nx = 1", "schedule={name=\"cosine\", warmup=2}", "train.quoted=\"7\"",
        "train.epochs=1e2"})
    c.override_with(s);
  EXPECT_EQ(c.get<double>("optim.lr"), 0.5);
  EXPECT_EQ(c.get<std::string>("optim.name"), "adam");
  EXPECT_EQ(c.get<std::vector<int64_t>>("model.layers"), (std::vector<int64_t>{4, 2}));
  EXPECT_FALSE(c.get<bool>("optim.nesterov"));
  EXPECT_EQ(c.get<std::string>("train.out"), "runs/a b=c");
  EXPECT_EQ(c.get<std::string>("train.tag"), "2024-01-01");
  EXPECT_EQ(c.get<std::string>("train.label"), "");
  EXPECT_EQ(c.get<std::string>("train.accent"), "0.0aÚ");
  EXPECT_EQ(c.get<std::string>("train.text"), "3\nx = 1");
  EXPECT_EQ(c.get<std::string>("schedule.name"), "cosine");
  EXPECT_EQ(c.get<int64_t>("schedule.warmup"), 2);
  EXPECT_EQ(c.get<std::string>("train.quoted"), "7");
  EXPECT_EQ(error_of([&] { c.get<int64_t>("train.epochs"); }),
            "command line: train.epochs is the number 100.0, expected an integer.");
  c.override_with("train.out=2024");  // quotes are easily lost: the text is meant
  EXPECT_EQ(c.get<std::string>("train.out"), "2024");
}

TEST(Config, OverridesThatAreNoSettingsAreRefused) {
  Config c = Config::parse("[train]\nlr = 1\n", "e.toml");
  for (const char* s : {"train.lr", "=3", ".lr=3", "train..lr=3", "a b=3", "train.=1"})
    EXPECT_NE(error_of([&] { c.override_with(s); }).find("is no setting"), std::string::npos) << s;
  EXPECT_EQ(error_of([&] { c.override_with("train.out=a\xac"); }),
            "command line: train.out is set to what is not UTF-8, as TOML must be.");
  EXPECT_NE(error_of([&] { c.override_with("train=3"); }).find("would replace 'train.lr'"),
            std::string::npos);
  EXPECT_NE(error_of([&] { c.override_with("train.lr.x=3"); }).find("stands inside 'train.lr'"),
            std::string::npos);
}

TEST(Config, CommandLineBeatsEnvironmentBeatsFile) {
  const ScopedEnv lr("TINYTORCH__OPTIM__LR", "0.25"), epochs("TINYTORCH__TRAIN__EPOCHS", "8");
  const ScopedEnv size("TINYTORCH__TRAIN__BATCH_SIZE", "32"), other("TINYTORCH_NUM_THREADS", "1");
  Config c = Config::parse(kFile, "e.toml");
  c.override_from_environment();
  c.override_with("train.epochs=9");
  EXPECT_EQ(c.get<double>("optim.lr"), 0.25);
  EXPECT_EQ(c.get<int64_t>("train.epochs"), 9);
  EXPECT_EQ(c.get<int64_t>("train.batch_size"), 32);
  EXPECT_FALSE(c.has("num_threads"));
  EXPECT_EQ(error_of([&] { c.refuse("optim.lr", "no"); }),
            "environment TINYTORCH__OPTIM__LR: optim.lr: no");
}

TEST(Config, DefaultsFromElsewhereYieldToTheUser) {
  Config c = Config::parse("[model]\nnum_classes = 5\n", "e.toml");
  c.set_default<int64_t>("model.num_classes", 10);
  c.set_default<int64_t>("model.in_channels", 3);
  EXPECT_EQ(c.get<int64_t>("model.num_classes"), 5);
  EXPECT_EQ(c.get<int64_t>("model.in_channels"), 3);
}

TEST(Config, ChoicesAndBounds) {
  const Config c = Config::parse("optim = \"adan\"\nsize = 0\n", "e.toml");
  EXPECT_EQ(error_of([&] { c.choice("optim", {"sgd", "adam", "adamw"}, "sgd"); }),
            "e.toml:1:1: optim: 'adan' is unknown. Hint: did you mean 'adam'? Known: sgd, adam, "
            "adamw.");
  EXPECT_EQ(c.choice("mode", {"a", "b"}, "b"), "b");
  EXPECT_EQ(error_of([&] { c.get_at_least("size", 1, 64); }),
            "e.toml:2:1: size: 0 is too small, expected at least 1.");
  EXPECT_EQ(c.get_at_least("other", 1, 64), 64);
  EXPECT_EQ(error_of([&] { c.get_between("size", -9, -1, -2); }),
            "e.toml:2:1: size: 0 is too large, expected at most -1.");
}

TEST(Config, AMissingKeyNamesTheOneThatIsMeant) {
  const Config c = Config::parse("[a]\nout_chanels = 4\nstride = 2\n[b]\nout_channels = 1\n", "e");
  EXPECT_EQ(error_of([&] { c.get<int64_t>("a.out_channels"); }),
            "e:2:1: unknown key 'a.out_chanels'. Hint: did you mean 'a.out_channels', which is "
            "missing?");
  EXPECT_EQ(error_of([&] { c.get<int64_t>("a.kernel_size"); }),
            "e: a.kernel_size is missing, expected an integer.");
  c.get<int64_t>("a.out_chanels");  // now it is known
  EXPECT_EQ(error_of([&] { c.get<int64_t>("a.out_channels"); }),
            "e: a.out_channels is missing, expected an integer.");
}

TEST(Config, DumpHoldsDefaultsAndReadsBackTheSame) {
  Config c = Config::parse(kFile, "e.toml");
  c.override_with("optim.eps=1e-8");
  c.override_with("top=inf");
  c.get<int64_t>("train.batch_size", 64);
  c.get<double>("optim.weight_decay", 0.0);
  c.get<std::vector<std::string>>("train.tags", {"a", "b\\\n"});
  const std::string text = c.dump();
  EXPECT_EQ(text.find("top = inf\n\n[model]\n"), 0u) << text;
  const Config again = Config::parse(text, "again");
  EXPECT_EQ(again.get<double>("top"), INFINITY);
  EXPECT_EQ(again.get<double>("optim.eps"), 1e-8);
  EXPECT_EQ(again.get<double>("optim.weight_decay"), 0.0);
  EXPECT_EQ(again.get<int64_t>("train.batch_size"), 64);
  EXPECT_EQ(again.get<std::string>("train.note"), "tab\t and \"quotes\" é");
  EXPECT_EQ(again.get<std::vector<std::string>>("train.tags"),
            (std::vector<std::string>{"a", "b\\\n"}));
  EXPECT_EQ(Config::parse(again.dump(), "third").dump(), text);
}

TEST(Config, DumpKeepsKeysInQuotes) {
  const char* text = "\"a.b \\\"\" = 1\n\n[t.\"x.y\"]\nz = 2\n";
  EXPECT_EQ(Config::parse(text, "e").dump(), text);
}

TEST(Config, WhatFollowsFromOtherSettingsIsNotedAndFollowsAnew) {
  const Config config = Config::parse("[schedule]\nname = \"cosine\"\n", "t.toml");
  config.get<std::string>("schedule.name");
  config.note("schedule.total_steps", int64_t{46});
  config.reject_unknown();
  EXPECT_EQ(config.dump(), "[schedule]\nname = \"cosine\"\n# total_steps = 46\n");
  EXPECT_FALSE(config.has("schedule.total_steps"));
  EXPECT_FALSE(Config::parse(config.dump(), "again").has("schedule.total_steps"));
}

}  // namespace
}  // namespace tinytorch
