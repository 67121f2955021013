// task: 3.5
// test: layout.nchw_of_maxima
// state: FAIL
// cause: rows and columns are exchanged
if (layout == ImageLayout::kNhwc) return ((n * height + row) * width + col) * channels + c;
return ((n * channels + c) * width + col) * height + row;
