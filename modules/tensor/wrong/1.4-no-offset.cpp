// task: 1.4
// test: offset.of_views
// state: FAIL
// cause: the layout's own offset is missing
int64_t offset = 0;
for (size_t i = 0; i < index.size(); ++i) offset += index[i] * layout.strides[static_cast<int>(i)];
return offset;
