// task: 0.8
// test: peak.of_one_thread
// state: FAIL
// cause: the unit
int64_t rounds = 500;
for (double ns = 0; ns < 1e6; rounds *= 2) {  // until a burst takes a millisecond
  const int64_t begin = now();
  multiply_add_burst(rounds);
  ns = static_cast<double>(now() - begin);
}
for (int attempt = 0; attempt < 12; ++attempt) {
  std::vector<double> operations(static_cast<size_t>(threads)), elapsed(operations.size());
  run_together(threads, [&](int t) {
    const size_t mine = static_cast<size_t>(t);
    const int64_t begin = now();
    operations[mine] = static_cast<double>(multiply_add_burst(rounds));
    elapsed[mine] = static_cast<double>(now() - begin);
  });
  double all = 0;
  for (const double each : operations) all += each;
  best = std::max(best, 1e9 * all / *std::max_element(elapsed.begin(), elapsed.end()));
}
