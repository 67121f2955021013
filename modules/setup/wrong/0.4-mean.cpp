// task: 0.4
// test: measured.with_one_slow_run
// state: FAIL
// cause: that is the mean
fn();
std::vector<double> times;
for (int run = 0; run < repeats; ++run) {
  const int64_t begin = now();
  fn();
  times.push_back(static_cast<double>(now() - begin));
}
std::sort(times.begin(), times.end());
for (const double time : times) stats.median += time / repeats;
stats.min = times.front();
stats.max = times.back();
stats.runs = repeats;
