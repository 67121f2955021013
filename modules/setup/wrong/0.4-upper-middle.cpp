// task: 0.4
// test: measured.even_number_of_runs
// state: FAIL
// cause: the upper of the two
fn();
std::vector<double> times;
for (int run = 0; run < repeats; ++run) {
  const int64_t begin = now();
  fn();
  times.push_back(static_cast<double>(now() - begin));
}
std::sort(times.begin(), times.end());
const size_t middle = times.size() / 2;
stats.median = times[middle];
stats.min = times.front();
stats.max = times.back();
stats.runs = repeats;
