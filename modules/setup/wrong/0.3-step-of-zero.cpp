// task: 0.3
// test: timer.of_a_coarse_clock
// state: FAIL
// cause: counted as a step of 0
constexpr int kReads = 2000;
cost.read_ns = cost.step_ns = 1e9;
for (int trial = 0; trial < 20; ++trial) {
  const int64_t begin = now();
  int64_t last = begin;
  for (int i = 0; i < kReads; ++i) {
    const int64_t time = now();
    cost.step_ns = std::min(cost.step_ns, static_cast<double>(time - last));
    last = time;
  }
  cost.read_ns = std::min(cost.read_ns, static_cast<double>(last - begin) / kReads);
}
