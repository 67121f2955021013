// task: 0.6
// region: 0.6a
// test: cycle.visits_every_place_once
// state: FAIL
// cause: places lead to themselves
for (size_t i = 0; i < count; ++i) next[i] = static_cast<uint32_t>(i);
