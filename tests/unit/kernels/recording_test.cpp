// Recorded calls: what is kept of their arguments, and which are not kept.
#include "tinytorch/kernels/recording.h"

#include <gtest/gtest.h>

#include <cstring>
#include <new>

namespace tinytorch::kernels {
namespace {

struct Args {
  int64_t* out;
  uint8_t small;  // and seven bytes of nothing
};
void add_small(const Args& a) {
  *a.out += a.small;
}

TEST(Recording, RepeatsCallsWithTheirArguments) {
  int64_t sum = 0, other = 0;
  Recording recording;
  {
    const RecordingScope scope(&recording);
    call(add_small, Args{&sum, 3});
    call(add_small, Args{&sum, 4});
  }
  EXPECT_EQ(sum, 7);
  call(add_small, Args{&sum, 10});  // the scope has ended
  ASSERT_EQ(recording.size(), 2u);
  recording.run();
  EXPECT_EQ(sum, 24);
  for (size_t i = 0; i < 2; ++i)
    recording.words[recording.first_word(i)] = reinterpret_cast<uint64_t>(&other);
  recording.run();
  EXPECT_EQ(other, 7);
  EXPECT_EQ(sum, 24);
}

TEST(Recording, GapsBetweenMembersHoldNothing) {
  int64_t sum = 0;
  alignas(Args) unsigned char memory[sizeof(Args)];
  std::memset(memory, 0xcd, sizeof(memory));
  auto* args = new (memory) Args;
  args->out = &sum, args->small = 5;
  Recording recording;
  {
    const RecordingScope scope(&recording);
    call(add_small, *args);
  }
  ASSERT_EQ(recording.args(0).size(), 2u);
  EXPECT_EQ(recording.args(0)[1], 5u);
}

void outer(const Args& a) {
  call(add_small, a);
}
TEST(Recording, WhatAKernelCallsIsPartOfIt) {
  int64_t sum = 0;
  Recording recording;
  {
    const RecordingScope scope(&recording);
    call(outer, Args{&sum, 2});
  }
  EXPECT_EQ(recording.size(), 1u);
  recording.run();
  EXPECT_EQ(sum, 4);
}

struct Draws {
  using OnlyOnce = void;
  int64_t* out;
};
TEST(Recording, RefusesWhatMustNotBeRepeated) {
  int64_t sum = 0;
  Recording recording;
  {
    const RecordingScope scope(&recording);
    call(+[](const Draws& d) { ++*d.out; }, Draws{&sum});
  }
  EXPECT_EQ(sum, 1);
  EXPECT_NE(recording.refusal, nullptr);
  EXPECT_EQ(recording.size(), 0u);
}

}  // namespace
}  // namespace tinytorch::kernels
