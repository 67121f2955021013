// task: 2.7
// region: 2.7b
// test: tree.names_every_parameter_by_its_path
// state: FAIL
// cause: use join()
NamedTensors found;
visit("", [&](const std::string& path, const Module& module) {
  for (const auto& [name, tensor] : module.parameters_)
    if (!contains(found, tensor))
      found.emplace_back((path.empty() ? "" : "." + path) + "." + name, tensor);
});
return found;
