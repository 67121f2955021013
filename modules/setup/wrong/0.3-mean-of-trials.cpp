// task: 0.3
// test: timer.in_spite_of_interruptions
// state: FAIL
// cause: interruptions are counted in
constexpr int kReads = 2000, kTrials = 20;
double total = 0;
cost.step_ns = 1e9;
for (int trial = 0; trial < kTrials; ++trial) {
  const int64_t begin = now();
  int64_t last = begin;
  for (int i = 0; i < kReads; ++i) {
    const int64_t time = now();
    if (time > last) cost.step_ns = std::min(cost.step_ns, static_cast<double>(time - last));
    last = time;
  }
  total += static_cast<double>(last - begin) / kReads;
}
cost.read_ns = total / kTrials;
