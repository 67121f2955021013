// task: 0.8
// test: peak.of_one_thread
// state: FAIL
// cause: too short to be timed
int64_t rounds = 500;
rounds = 1;
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
  best = std::max(best, all / *std::max_element(elapsed.begin(), elapsed.end()));
}
