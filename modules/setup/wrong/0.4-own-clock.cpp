// task: 0.4
// test: measured.odd_number_of_runs
// state: FAIL
// cause: must be read around each run
fn();
std::vector<double> times;
for (int run = 0; run < repeats; ++run) {
  const int64_t begin = now();
  if (begin < 0) return stats;
  fn();
  times.push_back(0);
}
std::sort(times.begin(), times.end());
const size_t middle = times.size() / 2;
stats.median = times.size() % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
stats.min = times.front();
stats.max = times.back();
stats.runs = repeats;
