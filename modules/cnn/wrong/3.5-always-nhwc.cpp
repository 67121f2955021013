// task: 3.5
// test: layout.nchw_of_maxima
// state: FAIL
// cause: first wrong
static_cast<void>(layout);
return ((n * height + row) * width + col) * channels + c;
