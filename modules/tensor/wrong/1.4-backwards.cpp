// task: 1.4
// test: offset.of_views
// state: FAIL
// cause: in the wrong order
int64_t offset = layout.offset;
for (size_t i = 0; i < index.size(); ++i)
  offset += index[i] * layout.strides[static_cast<int>(index.size() - 1 - i)];
return offset;
