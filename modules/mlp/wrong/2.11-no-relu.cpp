// task: 2.11
// region: 2.11a
// test: mlp.is_linear_and_relu_in_turns
// state: FAIL
// cause: linear layers alone are one
for (size_t i = 0; i + 1 < sizes.size(); ++i) {
  push_back(make<Linear>(sizes[i], sizes[i + 1]));
}
