// task: 1.11
// test: copy_row.of_strided_items
// state: FAIL
// cause: the last item is missing
const auto bytes = static_cast<size_t>(item);
if (step[0] == item && step[1] == item) {
  std::memcpy(data[0], data[1], static_cast<size_t>(n) * bytes);
  return;
}
for (int64_t i = 0; i < n - 1; ++i)
  std::memcpy(data[0] + i * step[0], data[1] + i * step[1], bytes);
