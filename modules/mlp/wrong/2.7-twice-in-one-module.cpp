// task: 2.7
// region: 2.7b
// test: tree.lists_a_shared_parameter_once
// state: FAIL
// cause: within one module
NamedTensors found;
visit("", [&](const std::string& path, const Module& module) {
  NamedTensors own;
  for (const auto& [name, tensor] : module.parameters_)
    if (!contains(found, tensor)) own.emplace_back(join(path, name), tensor);
  found.insert(found.end(), own.begin(), own.end());
});
return found;
