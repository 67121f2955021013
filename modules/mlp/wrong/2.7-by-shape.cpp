// task: 2.7
// region: 2.7b
// test: tree.tells_equal_values_from_shared_ones
// state: FAIL
// cause: is_same() tells
NamedTensors found;
visit("", [&](const std::string& path, const Module& module) {
  for (const auto& [name, tensor] : module.parameters_) {
    bool known = false;
    for (const auto& [other, there] : found) known = known || there.shape() == tensor.shape();
    if (!known) found.emplace_back(join(path, name), tensor);
  }
});
return found;
