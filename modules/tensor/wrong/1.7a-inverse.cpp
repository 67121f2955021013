// task: 1.7
// region: 1.7a
// test: permute.names_the_same_elements
// state: FAIL
// cause: the inverse permutation
Layout out = x;
for (size_t i = 0; i < dims.size(); ++i) {
  out.shape[dims[i]] = x.shape[static_cast<int>(i)];
  out.strides[dims[i]] = x.strides[static_cast<int>(i)];
}
return out;
