// task: 1.7
// region: 1.7a
// test: permute.names_the_same_elements
// state: FAIL
// cause: the strides were not
Layout out{{}, x.strides, x.offset};
for (const int d : dims) out.shape.push_back(x.shape[d]);
return out;
