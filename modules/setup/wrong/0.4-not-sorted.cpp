// task: 0.4
// test: measured.with_one_slow_run
// state: FAIL
// cause: in order first
fn();
std::vector<double> times;
for (int run = 0; run < repeats; ++run) {
  const int64_t begin = now();
  fn();
  times.push_back(static_cast<double>(now() - begin));
}
const size_t middle = times.size() / 2;
stats.median = times.size() % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
stats.min = *std::min_element(times.begin(), times.end());
stats.max = *std::max_element(times.begin(), times.end());
stats.runs = repeats;
