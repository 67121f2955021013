// task: 3.5
// test: layout.nchw_of_maxima
// state: FAIL
// cause: first wrong
if (layout == ImageLayout::kNhwc) return ((n * height + row) * width + col) * channels + c;
return ((n * channels + c) * width + row) * height + col;
