// task: 2.11
// region: 2.11a
// test: mlp.is_linear_and_relu_in_turns
// state: FAIL
// cause: the last layer is missing
for (size_t i = 0; i + 2 < sizes.size(); ++i) {
  if (i > 0) push_back(make<ReLU>());
  push_back(make<Linear>(sizes[i], sizes[i + 1]));
}
