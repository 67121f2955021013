// task: 1.2
// region: 1.2a
// test: holders.are_counted
// state: FAIL
// cause: a holder is missing in the count
static_cast<void>(block);
