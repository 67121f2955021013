// task: 1.11
// test: copy_row.of_strided_items
// state: FAIL
// cause: they are swapped
const auto bytes = static_cast<size_t>(item);
if (step[1] == item && step[0] == item) {
  std::memcpy(data[1], data[0], static_cast<size_t>(n) * bytes);
  return;
}
for (int64_t i = 0; i < n; ++i) std::memcpy(data[1] + i * step[1], data[0] + i * step[0], bytes);
