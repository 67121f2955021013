#include "modules/setup/debug/race.h"
#include "modules/harness/check.h"

namespace tinytorch::check {

namespace {

// A machine whose speed is set from outside; the second version does everything twice.
int64_t g_time = 0, g_unit = 1000;

int64_t machine_clock() {
  return g_time;
}

hunt::Race race_of_one_and_two() {
  return {
      {"once", [] { g_time += g_unit; }}, {"twice", [] { g_time += 2 * g_unit; }}, machine_clock};
}

}  // namespace

TASK_TEST(race, on_a_steady_machine) {
  g_unit = 1000;
  hunt::Race race = race_of_one_and_two();
  for (int i = 0; i < 11; ++i) race.round();
  const auto result = race.result();
  values({.what = "rounds, fastest of the first, slowest of the second, ratio: median, "
                  "least, most",
          .got = {static_cast<double>(race.rounds()), result.fastest_first, result.slowest_second,
                  result.ratio, result.least_ratio, result.most_ratio},
          .expected = {10, 1000, 2000, 2, 2, 2}});
}

TASK_TEST(race, on_a_machine_that_slows_down) {
  hunt::Race race = race_of_one_and_two();
  for (int i = 0; i < 22; ++i) {
    g_unit = 1000 + (i > 6 && i < 15 ? 250 * (15 - i) : 0);
    race.round();
  }
  const auto result = race.result();
  values({.what =
              "a version that does everything twice, on a machine that slows down and recovers: "
              "fastest and slowest of the first, ratio: median, least, most",
          .got = {result.fastest_first, result.slowest_first, result.ratio, result.least_ratio,
                  result.most_ratio},
          .expected = {1000, 3000, 2, 2, 2},
          .tolerance = 1e-9});
}

}  // namespace tinytorch::check
