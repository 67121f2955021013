// task: 0.9
// test: environment.values_of_this_machine
// state: FAIL
// cause: text_of_bytes makes it readable
const auto add = [&](const std::string& name, const std::string& value) {
  entries.emplace_back(name, value);
};
const MachineInfo machine = probe_machine();
std::string isa;
for (const std::string& name : machine.isa) isa += (isa.empty() ? "" : " ") + name;
add("cpu", machine.cpu);
add("cores", std::to_string(machine.cores));
add("threads", std::to_string(num_threads()));
add("isa", isa.empty() ? "unknown" : isa);
add("l1", std::to_string(machine.l1_bytes));
add("l2", text_of_bytes(machine.l2_bytes));
add("l3", text_of_bytes(machine.l3_bytes));
add("memory", text_of_bytes(machine.memory_bytes));
add("huge_pages", machine.huge_pages);
utsname system{};
uname(&system);
add("system", std::string(system.sysname) + " " + system.release);
add("compiler", __VERSION__);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
add("build", "sanitizer");
#elif defined(__OPTIMIZE__)
add("build", "optimised");
#else
add("build", "not optimised");
#endif
for (const char* name : {"TINYTORCH_NUM_THREADS", "TINYTORCH_ISA", "TINYTORCH_KERNELS"})
  if (const char* value = std::getenv(name)) add(name, value);
