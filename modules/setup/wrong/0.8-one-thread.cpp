// task: 0.8
// test: peak.grows_with_the_threads
// state: FAIL
// cause: not every thread was at work
int64_t rounds = 500;
for (double ns = 0; ns < 1e6; rounds *= 2) {  // until a burst takes a millisecond
  const int64_t begin = now();
  multiply_add_burst(rounds);
  ns = static_cast<double>(now() - begin);
}
for (int attempt = 0; attempt < 12; ++attempt) {
  std::vector<double> operations(static_cast<size_t>(threads)), elapsed(operations.size());
  const auto each = [&](int t) {
    const size_t mine = static_cast<size_t>(t);
    const int64_t begin = now();
    operations[mine] = static_cast<double>(multiply_add_burst(rounds));
    elapsed[mine] = static_cast<double>(now() - begin);
  };
  for (int t = 0; t < threads; ++t) each(t);
  double all = 0;
  for (const double each : operations) all += each;
  best = std::max(best, all / *std::max_element(elapsed.begin(), elapsed.end()));
}
