// task: 0.5
// test: copy.in_the_first_cache
// state: FAIL
// cause: both directions count
const size_t size = static_cast<size_t>(bytes);
const Buffer from(size), to(size);
std::memset(from.data(), 1, size);
std::memset(to.data(), 2, size);
const int64_t copies = std::clamp<int64_t>((int64_t{32} << 20) / bytes, 1, 20'000);
const auto copy_all = [&] {
  for (int64_t i = 0; i < copies; ++i) {
    std::memcpy(to.data(), from.data(), size);
    keep(to.data());
  }
};
const double moved = static_cast<double>(bytes) * static_cast<double>(copies);
gigabytes_per_second = moved / measure_ns(copy_all, 9, now).min;  // bytes a nanosecond
