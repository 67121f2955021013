// task: 2.4
// test: softmax.of_ordinary_rows
// state: FAIL
// cause: every probability is 0
static_cast<void>(x);
for (int64_t c = 0; c < cols; ++c) y[c] = 0;
