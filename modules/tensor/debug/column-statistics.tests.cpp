#include "modules/tensor/debug/column-statistics.h"
#include "modules/harness/check.h"

namespace tinytorch::check {

namespace {

// An id, a height, a weight and an age, of six people.
const std::vector<float> kPeople = {1001, 1.62F, 58, 31, 1002, 1.75F, 71, 45, 1003, 1.81F, 80, 28,
                                    1004, 1.58F, 52, 63, 1005, 1.69F, 66, 39, 1006, 1.77F, 90, 50};

std::vector<double> means(const Tensor& table) {
  std::vector<double> out;
  for (const hunt::Column& column : hunt::describe(table)) out.push_back(column.mean);
  return out;
}

}  // namespace

TASK_TEST(column_statistics, of_the_whole_table) {
  const Tensor people = from_vector(kPeople, {6, 4});
  values({.what = "means of id, height, weight, age",
          .got = means(people),
          .expected = {1003.5, 10.22 / 6, 417.0 / 6, 256.0 / 6},
          .tolerance = 1e-6});
  values({.what = "ages in three bins",
          .got = doubles(hunt::histogram(people.t().contiguous().t(), 3, 3)),
          .expected = {3, 2, 1}});
}

TASK_TEST(column_statistics, without_the_id) {
  const Tensor people = from_vector(kPeople, {6, 4});
  const Tensor rest = people.slice(1, 1, 4);
  values({.what = "means of height, weight, age, after the id was sliced off",
          .got = means(rest),
          .expected = {10.22 / 6, 417.0 / 6, 256.0 / 6},
          .tolerance = 1e-6});
  const Tensor wanted = hunt::standardised(rest.contiguous(), hunt::describe(rest.contiguous()));
  const Tensor got = hunt::standardised(rest, hunt::describe(rest));
  values({.what = "standardised height, weight, age",
          .got = doubles(to_vector<float>(got)),
          .expected = doubles(to_vector<float>(wanted)),
          .shape = {6, 3},
          .tolerance = 1e-5});
}

TASK_TEST(column_statistics, of_every_second_row) {
  const Tensor people = from_vector(kPeople, {6, 4});
  values({.what = "means of id, height, weight, age, of every second row",
          .got = means(people.slice(0, 0, 6, 2)),
          .expected = {1003, 5.12 / 3, 204.0 / 3, 98.0 / 3},
          .tolerance = 1e-6});
}

}  // namespace tinytorch::check
