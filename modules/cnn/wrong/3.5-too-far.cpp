// task: 3.5
// test: layout.stays_inside
// state: CRASH
// cause: heap-buffer-overflow
if (layout == ImageLayout::kNhwc) return ((n * height + row) * width + col) * channels + c + n;
return ((n * channels + c) * height + row) * width + col;
