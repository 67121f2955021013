#include "tinytorch/config/suggest.h"

#include <gtest/gtest.h>

namespace tinytorch {
namespace {

TEST(Suggest, NamesTheNearestByEdits) {
  const std::vector<std::string> known = {"batch_size", "epochs", "seed", "lr", "weight_decay"};
  EXPECT_EQ(nearest_name("epoch", known), "epochs");
  EXPECT_EQ(nearest_name("bacth_size", known), "batch_size");
  EXPECT_EQ(nearest_name("SEED", known), "seed");
  EXPECT_EQ(nearest_name("weight-decay", known), "weight_decay");
}

TEST(Suggest, InitialsAndPartsCountAsNear) {
  const std::vector<std::string> known = {"learned", "lr", "num_workers", "n_layer"};
  EXPECT_EQ(nearest_name("learning_rate", known), "lr");
  EXPECT_EQ(nearest_name("workers", known), "num_workers");
}

TEST(Suggest, ASwapOfNeighboursIsOneEdit) {
  // One swap away from "form"; two substitutions away from "foam" if swaps counted two.
  EXPECT_EQ(nearest_name("from", {"frog", "form"}), "frog");  // equal distance: the first
  EXPECT_EQ(nearest_name("from", {"fxoy", "form"}), "form");
  EXPECT_EQ(nearest_name("from", {"fr", "form"}), "form");
}

TEST(Suggest, WhatIsMeantResembles) {
  EXPECT_TRUE(resembles("out_chanels", "out_channels"));
  EXPECT_TRUE(resembles("hidden", "hidden_size"));
  EXPECT_TRUE(resembles("nmae", "name"));
  EXPECT_FALSE(resembles("in_channels", "out_channels"));
  EXPECT_FALSE(resembles("bias", "type"));
}

TEST(Suggest, EmptyOnlyWithoutCandidates) {
  EXPECT_EQ(nearest_name("x", {}), "");
  EXPECT_EQ(nearest_name("", {"lr"}), "lr");
  EXPECT_EQ(nearest_name("zzzzzzzz", {"lr"}), "lr");
}

}  // namespace
}  // namespace tinytorch
