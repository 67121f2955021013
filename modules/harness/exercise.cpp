// Answers the grader. `--list` prints `EXERCISE TASK right|speed` lines. Else standard input brings
//   EXERCISE BYTES, then so many bytes
// again and again, and each is answered on the descriptor of `--report FD` (or standard output) by
//   EXERCISE ok|todo|raised BYTES, then so many bytes of text: the values, or why there are none.
#include "modules/harness/exercise.h"

#include <bit>
#include <cstring>
#include <exception>

#include "modules/harness/lab_settings.h"
#include "modules/harness/report.h"
#include "tinytorch/core/error.h"

namespace tinytorch::exercise {

uint64_t Input::next() {
  uint64_t word = 0;
  for (int i = 0; i < 8 && at_ < bytes_.size(); ++i)
    word |= static_cast<uint64_t>(bytes_[at_++]) << (8 * i);
  // SplitMix64 (Steele, Lea, Flood, 2014) over all that came.
  state_ += word + 0x9e3779b97f4a7c15U;
  uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
  z = (z ^ z >> 27) * 0x94d049bb133111ebU;
  return z ^ z >> 31;
}

int64_t Input::integer(int64_t least, int64_t most) {
  return least + static_cast<int64_t>(next() % static_cast<uint64_t>(most - least + 1));
}

std::vector<float> Input::floats(int64_t count) {
  std::vector<float> out(static_cast<size_t>(count));
  for (float& x : out) x = static_cast<float>(integer(-(1 << 23), (1 << 23) - 1)) / 8388608.0F;
  return out;
}

std::vector<double> Input::doubles(int64_t count) {
  std::vector<double> out(static_cast<size_t>(count));
  for (double& x : out) x = static_cast<double>(integer(-(1LL << 40), (1LL << 40) - 1)) / 0x1p40;
  return out;
}

Shape Input::shape(int least_rank, int most_rank, int64_t most_size) {
  Shape shape;
  const auto rank = integer(least_rank, most_rank);
  for (int64_t d = 0; d < rank; ++d) shape.push_back(integer(1, most_size));
  return shape;
}

void Output::values(std::span<const double> values, double tolerance) {
  char line[64];
  std::snprintf(line, sizeof line, "%zu %.9g\n", values.size(), tolerance);
  text_ += line;
  for (const double value : values) {  // the bits, so that nothing is lost on the way
    std::snprintf(line, sizeof line, "%016llx\n",
                  static_cast<unsigned long long>(std::bit_cast<uint64_t>(value)));
    text_ += line;
  }
}

std::vector<Exercise>& all_exercises() {
  static std::vector<Exercise> list;
  return list;
}

namespace {

void answer(const Exercise& exercise, std::span<const uint8_t> bytes, int fd) {
  Input in(bytes);
  Output out;
  std::string state = "ok", text;
  try {
    exercise.run(in, out);
    text = out.text();
  } catch (const NotImplemented& e) {
    state = "todo", text = e.what();
  } catch (const std::exception& e) {
    state = "raised", text = e.what();
  } catch (...) {
    state = "raised", text = "no std::exception";
  }
  if (const char* note = take_not_implemented()) state = "todo", text = note;
  check::write_all(fd, std::string(exercise.name) + " " + state + " " +
                           std::to_string(text.size()) + "\n" + text);
}

int serve(int fd) {
  char name[128];
  size_t bytes = 0;
  while (std::scanf("%127s %zu", name, &bytes) == 2) {
    std::getchar();  // the end of the line
    std::vector<uint8_t> data(bytes);
    if (std::fread(data.data(), 1, bytes, stdin) != bytes) return 3;
    const Exercise* found = nullptr;
    for (const Exercise& exercise : all_exercises())
      if (std::strcmp(exercise.name, name) == 0) found = &exercise;
    if (!found) return 2;
    answer(*found, data, fd);
  }
  return 0;
}

}  // namespace

}  // namespace tinytorch::exercise

int main(int argc, char** argv) {
  using namespace tinytorch;
  if (argc > 1 && std::strcmp(argv[1], "--list") == 0) {
    for (const exercise::Exercise& each : exercise::all_exercises())
      std::printf("%s %s %s\n", each.name, each.task, each.speed ? "speed" : "right");
    return 0;
  }
  int first = 1;
  const int fd = check::report_descriptor(argc, argv, first);
  check::lab_settings();
  return exercise::serve(fd < 0 ? STDOUT_FILENO : fd);
}
