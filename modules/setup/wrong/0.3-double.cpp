// task: 0.3
// test: timer.cost_of_a_reading
// state: FAIL
// cause: divided by fewer readings
constexpr int kReads = 2000;
cost.read_ns = cost.step_ns = 1e9;
for (int trial = 0; trial < 20; ++trial) {
  const int64_t begin = now();
  int64_t last = begin;
  for (int i = 0; i < kReads; ++i) {
    const int64_t time = now();
    if (time > last) cost.step_ns = std::min(cost.step_ns, static_cast<double>(time - last));
    last = time;
  }
  cost.read_ns = std::min(cost.read_ns, static_cast<double>(last - begin) / (kReads / 2));
}
