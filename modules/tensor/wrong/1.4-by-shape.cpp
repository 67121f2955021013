// task: 1.4
// test: offset.of_views
// state: FAIL
// cause: the shape was used in place of the strides
int64_t offset = 0;
for (size_t i = 0; i < index.size(); ++i)
  offset = offset * layout.shape[static_cast<int>(i)] + index[i];
return layout.offset + offset;
