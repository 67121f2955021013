// task: 3.5
// test: layout.nhwc_of_averages
// state: FAIL
// cause: read as NCHW whatever
static_cast<void>(layout);
return ((n * channels + c) * height + row) * width + col;
