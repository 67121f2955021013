// task: 0.6
// region: 0.6a
// test: cycle.has_no_pattern
// state: FAIL
// cause: a fixed stride
for (size_t i = 0; i < count; ++i) next[i] = static_cast<uint32_t>((i + 1) % count);
