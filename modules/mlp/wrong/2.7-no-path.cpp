// task: 2.7
// region: 2.7b
// test: tree.names_every_parameter_by_its_path
// state: FAIL
// cause: the path is missing
NamedTensors found;
visit("", [&](const std::string&, const Module& module) {
  for (const auto& [name, tensor] : module.parameters_)
    if (!contains(found, tensor)) found.emplace_back(name, tensor);
});
return found;
