// task: 1.11
// test: copy_row.of_strided_items
// state: FAIL
// cause: four bytes an item
const size_t bytes = 4;
if (item == 4 && step[0] == item && step[1] == item) {
  std::memcpy(data[0], data[1], static_cast<size_t>(n) * bytes);
  return;
}
for (int64_t i = 0; i < n; ++i) std::memcpy(data[0] + i * step[0], data[1] + i * step[1], bytes);
