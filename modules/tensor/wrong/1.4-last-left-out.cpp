// task: 1.4
// test: offset.of_contiguous_tensors
// state: FAIL
// cause: the last dimension is left out
int64_t offset = layout.offset;
for (size_t i = 0; i + 1 < index.size(); ++i)
  offset += index[i] * layout.strides[static_cast<int>(i)];
return offset;
