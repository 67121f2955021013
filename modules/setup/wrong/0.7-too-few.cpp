// task: 0.7
// test: fresh.every_page_faults
// state: FAIL
// cause: not every page is written
const size_t pages = static_cast<size_t>(bytes) / page;
double best = 1e18;
for (int trial = 0; trial < 7; ++trial) {
  void* memory =
      mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error("fresh_page_ns: the system has no memory left.");
  madvise(memory, pages * page, MADV_NOHUGEPAGE);
  char* byte = static_cast<char*>(memory);
  const int64_t begin = now();
  for (size_t i = 0; i < pages; i += 64) byte[i * page] = 1;
  best = std::min(best, static_cast<double>(now() - begin));
  munmap(memory, pages * page);
}
nanoseconds = best / static_cast<double>(pages);
