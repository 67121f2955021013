// task: 0.4
// test: measured.odd_number_of_runs
// state: FAIL
// cause: those of the sorted times
fn();
std::vector<double> times;
for (int run = 0; run < repeats; ++run) {
  const int64_t begin = now();
  fn();
  times.push_back(static_cast<double>(now() - begin));
}
stats.min = times.front();
stats.max = times.back();
std::sort(times.begin(), times.end());
const size_t middle = times.size() / 2;
stats.median = times.size() % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
stats.runs = repeats;
