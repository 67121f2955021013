// task: 3.7
// region: 3.7a
// test: avg_pool.with_padding_that_does_not_count
// state: FAIL
// cause: it always divides by kh
static_cast<void>(i), static_cast<void>(j);
return g.kh * g.kw;
