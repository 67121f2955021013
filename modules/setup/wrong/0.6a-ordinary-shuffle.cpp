// task: 0.6
// region: 0.6a
// test: cycle.visits_every_place_once
// state: FAIL
// cause: strictly below
for (size_t i = 0; i < count; ++i) next[i] = static_cast<uint32_t>(i);
uint64_t random = 1;
for (size_t i = count - 1; i > 0; --i) {
  random = random * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
  std::swap(next[i], next[(random >> 32) % (i + 1)]);
}
