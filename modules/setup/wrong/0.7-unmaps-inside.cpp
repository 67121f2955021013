// task: 0.7
// test: fresh.only_the_writes_are_timed
// state: FAIL
// cause: munmap is timed, too
const size_t pages = static_cast<size_t>(bytes) / page;
double best = 1e18;
for (int trial = 0; trial < 7; ++trial) {
  void* memory =
      mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error("fresh_page_ns: the system has no memory left.");
  madvise(memory, pages * page, MADV_NOHUGEPAGE);
  const int64_t begin = now();
  char* byte = static_cast<char*>(memory);
  for (size_t i = 0; i < pages; ++i) byte[i * page] = 1;
  munmap(memory, pages * page);
  best = std::min(best, static_cast<double>(now() - begin));
}
nanoseconds = best / static_cast<double>(pages);
