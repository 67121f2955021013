// task: 3.5
// test: layout.nhwc_of_maxima
// state: FAIL
// cause: read as NCHW whatever
if (layout == ImageLayout::kNhwc) return ((n * channels + c) * height + row) * width + col;
return ((n * height + row) * width + col) * channels + c;
