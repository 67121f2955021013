// task: 0.3
// test: timer.cost_of_a_reading
// state: FAIL
// cause: a few readings tell nothing
const int64_t begin = now();
cost.read_ns = cost.step_ns = static_cast<double>(now() - begin);
