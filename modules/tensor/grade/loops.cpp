#include <limits>

#include "modules/harness/exercise.h"
#include "tinytorch/kernels/pointwise.h"
#include "tinytorch/kernels/reduce.h"
#include "tinytorch/kernels/walk.h"

namespace tinytorch::exercise {

namespace {

namespace loops = kernels::loops;

template <class T>
std::vector<T> drawn(Input& in, int64_t count) {
  std::vector<T> list;
  for (const double x : in.doubles(count)) list.push_back(static_cast<T>(4 * x));
  return list;
}

// A row over three strided operands in one array, which is put out as a whole.
template <class T>
void row(kernels::RowFn fn, Input& in, Output& out, double tolerance) {
  std::vector<T> array = drawn<T>(in, 600);
  const int64_t n = in.integer(0, 33);
  char* data[3];
  int64_t step[3];
  int64_t at = 10;
  for (int j = 0; j < 3; ++j) {
    step[j] = in.integer(j == 0 ? 1 : 0, 5) * static_cast<int64_t>(sizeof(T));
    data[j] = reinterpret_cast<char*>(array.data() + at);
    at += 195;
  }
  if (in.integer(0, 2) == 0) data[1] = data[0], step[1] = step[0];  // in place
  if (in.integer(0, 2) == 0) data[2] = data[0], step[2] = step[0];
  if (in.flag())
    reinterpret_cast<T*>(data[1])[n > 0 ? in.integer(0, n - 1) * step[1] / int64_t{sizeof(T)} : 0] =
        std::numeric_limits<T>::quiet_NaN();
  fn(data, step, n, nullptr);
  out.all(array, tolerance);
}

void either(kernels::RowFn of_float, kernels::RowFn of_double, Input& in, Output& out,
            double float_tolerance = 0, double double_tolerance = 0) {
  for (int i = 0; i < 2; ++i) {
    row<float>(of_float, in, out, float_tolerance);
    row<double>(of_double, in, out, double_tolerance);
  }
}

struct Trace {
  char* begin[kernels::kMaxOperands];
  int operands;
  std::vector<double> entries;
};

void write_down(char* const* data, const int64_t* step, int64_t n, const void* params) {
  auto* trace = static_cast<Trace*>(const_cast<void*>(params));
  if (trace->entries.size() > 20'000) return;
  for (int j = 0; j < trace->operands; ++j) {
    trace->entries.push_back(static_cast<double>(data[j] - trace->begin[j]));
    if (n > 1) trace->entries.push_back(static_cast<double>(step[j]));
  }
  trace->entries.push_back(static_cast<double>(n));
}

template <class T>
void reduction(void (*fn)(const kernels::ReduceArgs<T>&), bool index, Input& in, Output& out,
               double tolerance) {
  kernels::ReduceArgs<T> args;
  args.outer = in.integer(1, 4);
  args.count = !index && in.integer(0, 4) == 0 ? 0 : in.integer(1, 40);
  args.inner = in.integer(1, 4);
  args.x_outer = in.integer(1, 200);
  args.x_count = in.integer(1, 5);
  args.x_inner = in.integer(1, 50);
  std::vector<T> x = drawn<T>(in, 1000);
  if (in.flag())
    for (T& each : x) each = static_cast<T>(static_cast<int64_t>(each) - 5);  // ties, negative
  if constexpr (std::is_floating_point_v<T>) {
    if (index && in.flag())
      for (int i = 0; i < 100; ++i)
        x[static_cast<size_t>(in.integer(0, 999))] = std::numeric_limits<T>::quiet_NaN();
  }
  std::vector<T> y(static_cast<size_t>(args.outer * args.inner), T(77));
  std::vector<int64_t> where(y.size(), -1);
  args.x = x.data();
  args.y = y.data();
  if (index && in.integer(0, 3) > 0) args.index = where.data();
  fn(args);
  out.all(y, tolerance);
  out.all(where);
}

}  // namespace

EXERCISE(add_rows, "1.9") {
  either(loops::add_row<float>, loops::add_row<double>, in, out);
}
EXERCISE(mul_rows, "1.9") {
  either(loops::mul_row<float>, loops::mul_row<double>, in, out);
}
EXERCISE(relu_rows, "1.9") {
  either(loops::relu_row<float>, loops::relu_row<double>, in, out);
}
EXERCISE(exp_rows, "1.9") {
  either(loops::exp_row<float>, loops::exp_row<double>, in, out, 1e-6, 1e-14);
}

EXERCISE(walks, "1.10") {
  static char memory[1 << 16];
  for (int i = 0; i < 6; ++i) {
    kernels::WalkArgs args;
    Trace trace{{}, static_cast<int>(in.integer(1, 4)), {}};
    args.operands = trace.operands;
    args.shape = in.shape(0, 5, i < 2 ? 4 : 3);
    if (in.integer(0, 2) == 0 && args.shape.rank() > 0)
      args.shape[static_cast<int>(in.integer(0, args.shape.rank() - 1))] = 0;
    for (int j = 0; j < args.operands; ++j) {
      args.data[j] = trace.begin[j] = memory + (1 << 15);
      for (int d = 0; d < args.shape.rank(); ++d) args.stride[j].push_back(in.integer(-300, 300));
    }
    args.row = write_down;
    args.params = &trace;
    loops::walk(args);
    out.all(trace.entries);
  }
}

EXERCISE(copied_rows, "1.11") {
  for (int i = 0; i < 3; ++i) {
    const int64_t item = int64_t{1} << in.integer(0, 3), n = in.integer(0, 30);
    std::vector<char> memory(1400);
    for (char& byte : memory) byte = static_cast<char>(in.integer(0, 127));
    char* data[2] = {memory.data(), memory.data() + 800};
    const int64_t step[2] = {(in.flag() ? 1 : in.integer(2, 3)) * item, in.integer(0, 2) * item};
    loops::copy_row(data, step, n, item);
    out.all(memory);
  }
}

SPEED(dense_rows, "1.11") {
  std::vector<float> from = drawn<float>(in, 4096), to(from.size());
  char* data[2] = {reinterpret_cast<char*>(to.data()), reinterpret_cast<char*>(from.data())};
  const int64_t step[2] = {sizeof(float), sizeof(float)};
  for (int i = 0; i < 10'000; ++i) {
    from[static_cast<size_t>(i % 4096)] += 1;
    loops::copy_row(data, step, 4096, sizeof(float));
  }
  out.all(to);
}

EXERCISE(sums_of_large_integers, "1.12") {
  std::vector<int64_t> x;
  for (int i = 0; i < 100; ++i) x.push_back((int64_t{1} << 53) + in.integer(-99, 99));
  int64_t y = 0;
  kernels::ReduceArgs<int64_t> args;
  args.count = 100;
  args.inner = 1;
  args.x = x.data();
  args.x_count = 1;
  args.y = &y;
  loops::sum(args);
  out.value(static_cast<double>(y - 100 * (int64_t{1} << 53)));
}

EXERCISE(sums, "1.12") {
  for (int i = 0; i < 2; ++i) {
    reduction<float>(loops::sum, false, in, out, 1e-6);
    reduction<double>(loops::sum, false, in, out, 1e-13);
    reduction<int64_t>(loops::sum, false, in, out, 0);
  }
}

EXERCISE(long_sums, "1.12") {
  std::vector<float> x(static_cast<size_t>(in.integer(1000, 5000)), 1);
  x[0] = 16'777'216;
  float y = 5;
  kernels::ReduceArgs<float> args;
  args.count = static_cast<int64_t>(x.size());
  args.inner = 1;
  args.x = x.data();
  args.x_count = 1;
  args.y = &y;
  loops::sum(args);
  out.value(y);
}

EXERCISE(maxima, "1.12") {
  for (int i = 0; i < 2; ++i) {
    reduction<float>(loops::max, true, in, out, 0);
    reduction<double>(loops::max, true, in, out, 0);
    reduction<int64_t>(loops::max, true, in, out, 0);
  }
}

}  // namespace tinytorch::exercise
