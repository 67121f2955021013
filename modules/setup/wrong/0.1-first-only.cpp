// task: 0.1
// test: caches.of_a_usual_machine
// state: FAIL
// cause: only the first index
for (int index = 0; index < 1; ++index) {
  std::string cache = root;
  cache += "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
  const std::string level = first_line(cache + "level");
  if (level.empty() || first_line(cache + "type") == "Instruction") continue;
  const int64_t size = bytes_of(first_line(cache + "size"));
  if (level == "1") machine.l1_bytes = size;
  if (level == "2") machine.l2_bytes = size;
  if (level == "3") machine.l3_bytes = size;
  machine.line_bytes = bytes_of(first_line(cache + "coherency_line_size"));
}
