// task: 1.11
// test: copy_row.of_dense_items_is_one_piece
// state: FAIL
// cause: slow: dense items are copied one by one
for (int64_t i = 0; i < n; ++i)
  std::memcpy(data[0] + i * step[0], data[1] + i * step[1], static_cast<size_t>(item));
