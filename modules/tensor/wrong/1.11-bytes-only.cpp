// task: 1.11
// test: copy_row.of_strided_items
// state: FAIL
// cause: one byte of each item
for (int64_t i = 0; i < n; ++i) data[0][i * step[0]] = data[1][i * step[1]];
static_cast<void>(item);
