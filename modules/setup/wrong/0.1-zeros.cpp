// task: 0.1
// test: caches.of_a_usual_machine
// state: FAIL
// cause: nothing was read
machine.line_bytes = 0;
