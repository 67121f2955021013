// task: 3.5
// test: layout.nhwc_of_maxima
// state: FAIL
// cause: n is left out
if (layout == ImageLayout::kNhwc) return (row * width + col) * channels + c;
return ((n * channels + c) * height + row) * width + col;
