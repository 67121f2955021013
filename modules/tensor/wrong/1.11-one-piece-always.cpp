// task: 1.11
// test: copy_row.of_strided_items
// state: FAIL
// cause: copied as one piece
static_cast<void>(step);
std::memcpy(data[0], data[1], static_cast<size_t>(n* item));
