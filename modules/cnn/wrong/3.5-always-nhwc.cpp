// task: 3.5
// test: layout.nchw_of_maxima
// state: FAIL
// cause: read as NHWC whatever
static_cast<void>(layout);
return ((n * height + row) * width + col) * channels + c;
