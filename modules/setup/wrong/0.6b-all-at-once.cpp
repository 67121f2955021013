// task: 0.6
// region: 0.6b
// test: chase.beyond_the_second_cache
// state: FAIL
// cause: the reads do not wait for memory
constexpr size_t kStride = 64 / sizeof(uint32_t);  // one entry a cache line
const size_t lines = static_cast<size_t>(bytes) / 64;
const std::vector<uint32_t> cycle = random_cycle(lines);
const Buffer memory(lines * 64);
auto* next = static_cast<uint32_t*>(memory.data());
for (size_t i = 0; i < lines; ++i) next[i * kStride] = cycle[i];

constexpr int kSteps = 20'000;
uint32_t at = 0;
const auto chase = [&] {
  for (int step = 0; step < kSteps; ++step)
    at += next[cycle[static_cast<size_t>(step) % lines] * kStride];
  keep(&at);
};
nanoseconds = measure_ns(chase, 15, now).min / kSteps;
