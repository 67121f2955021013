// task: 0.7
// test: fresh.every_page_faults
// state: FAIL
// cause: the pages are not fresh
const size_t pages = static_cast<size_t>(bytes) / page;
void* memory =
    mmap(nullptr, pages* page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
if (memory == MAP_FAILED) throw Error("no memory");
madvise(memory, pages* page, MADV_NOHUGEPAGE);
double best = 1e18;
for (int trial = 0; trial < 7; ++trial) {
  char* byte = static_cast<char*>(memory);
  const int64_t begin = now();
  for (size_t i = 0; i < pages; ++i) byte[i * page] = 1;
  best = std::min(best, static_cast<double>(now() - begin));
}
munmap(memory, pages* page);
nanoseconds = best / static_cast<double>(pages);
