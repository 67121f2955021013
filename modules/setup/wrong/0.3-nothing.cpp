// task: 0.3
// test: timer.cost_of_a_reading
// state: FAIL
// cause: nothing was measured
cost.read_ns = cost.step_ns = 0;
static_cast<void>(now);
