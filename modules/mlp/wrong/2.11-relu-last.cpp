// task: 2.11
// region: 2.11a
// test: mlp.is_linear_and_relu_in_turns
// state: FAIL
// cause: a ReLU follows the last layer
for (size_t i = 0; i + 1 < sizes.size(); ++i) {
  push_back(make<Linear>(sizes[i], sizes[i + 1]));
  push_back(make<ReLU>());
}
