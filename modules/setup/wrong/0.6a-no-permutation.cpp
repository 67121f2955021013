// task: 0.6
// region: 0.6a
// test: cycle.visits_every_place_once
// state: FAIL
// cause: it is no permutation
uint64_t random = 1;
for (size_t i = 0; i < count; ++i) {
  random = random * 6364136223846793005U + 1442695040888963407U;
  next[i] = static_cast<uint32_t>((random >> 32) % count);
}
