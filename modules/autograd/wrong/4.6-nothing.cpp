// task: 4.6
// test: grad_check.looks_at_every_element
// state: FAIL
// cause: not every element
(void)step;
(void)tolerance;
(void)analytic;
return result;
