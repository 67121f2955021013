// task: 2.7
// region: 2.7b
// test: tree.lists_a_shared_parameter_once
// state: FAIL
// cause: move it twice
NamedTensors found;
visit("", [&](const std::string& path, const Module& module) {
  for (const auto& [name, tensor] : module.parameters_)
    found.emplace_back(join(path, name), tensor);
});
return found;
