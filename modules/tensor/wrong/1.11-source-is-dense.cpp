// task: 1.11
// test: copy_row.repeats_an_item_with_step_0
// state: FAIL
// cause: copied as one piece
const auto bytes = static_cast<size_t>(item);
if (step[0] == item) {
  std::memcpy(data[0], data[1], static_cast<size_t>(n) * bytes);
  return;
}
for (int64_t i = 0; i < n; ++i) std::memcpy(data[0] + i * step[0], data[1] + i * step[1], bytes);
