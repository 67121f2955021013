// task: 0.2
// test: processor.of_a_usual_machine
// state: FAIL
// cause: part of a word
machine.cores = usable_cpus();
machine.cpu = value_of(root + "/proc/cpuinfo", "model name");
if (machine.cpu.empty()) machine.cpu = "unknown";
std::string flags = value_of(root + "/proc/cpuinfo", "flags");
if (flags.empty()) flags = value_of(root + "/proc/cpuinfo", "Features");  // ARM
flags = " " + flags + " ";
for (const char* name :
     {"amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2", "fma", "sve", "asimd"})
  if (flags.find(name) != std::string::npos) machine.isa.emplace_back(name);
machine.memory_bytes = bytes_of(value_of(root + "/proc/meminfo", "MemTotal"));
const std::string pages = first_line(root + "/sys/kernel/mm/transparent_hugepage/enabled");
const size_t open = pages.find('['), close = pages.find(']');
machine.huge_pages = open < close && close != std::string::npos
                         ? pages.substr(open + 1, close - open - 1)
                         : "unknown";
