// task: 0.2
// test: processor.of_arm
// state: FAIL
// cause: ARM calls the line Features
machine.cores = usable_cpus();
machine.cpu = value_of(root + "/proc/cpuinfo", "model name");
if (machine.cpu.empty()) machine.cpu = "unknown";
std::string flags = value_of(root + "/proc/cpuinfo", "flags");
// ARM
flags = " " + flags + " ";
for (const char* name :
     {"amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2", "fma", "sve", "asimd"})
  if (flags.find(" " + std::string(name) + " ") != std::string::npos)
    machine.isa.emplace_back(name);
machine.memory_bytes = bytes_of(value_of(root + "/proc/meminfo", "MemTotal"));
const std::string pages = first_line(root + "/sys/kernel/mm/transparent_hugepage/enabled");
const size_t open = pages.find('['), close = pages.find(']');
machine.huge_pages = open < close && close != std::string::npos
                         ? pages.substr(open + 1, close - open - 1)
                         : "unknown";
