#include "tinytorch/kernels/walk.h"

#include <algorithm>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/coalesce.h"

namespace tinytorch::kernels {

namespace {

int64_t magnitude(int64_t stride) {
  return stride < 0 ? -stride : stride;
}

// Whether dimension a belongs further in than b: the smaller stride of the first operand that tells
// them apart. A stride of 0 says nothing.
bool belongs_inside(const Strides* stride, int operands, int a, int b) {
  for (int j = 0; j < operands; ++j) {
    const int64_t sa = magnitude(stride[j][a]), sb = magnitude(stride[j][b]);
    if (sa != sb && sa != 0 && sb != 0) return sa < sb;
  }
  return false;
}

void swap_dims(Shape& shape, Strides* stride, int operands, int a, int b) {
  std::swap(shape[a], shape[b]);
  for (int j = 0; j < operands; ++j) std::swap(stride[j][a], stride[j][b]);
}

void move_dim(Shape& shape, Strides* stride, int operands, int from, int to) {
  shape[to] = shape[from];
  for (int j = 0; j < operands; ++j) stride[j][to] = stride[j][from];
}

void truncate(Dims& dims, int rank) {
  while (dims.rank() > rank) dims.erase(dims.rank() - 1);
}

}  // namespace

void coalesce(Shape& shape, Strides* stride, int operands) {
  int rank = 0;
  for (int d = 0; d < shape.rank(); ++d)
    if (shape[d] != 1) move_dim(shape, stride, operands, d, rank++);
  for (int i = 1; i < rank; ++i)  // insertion sort: stable, and there are at most eight
    for (int d = i; d > 0 && belongs_inside(stride, operands, d - 1, d); --d)
      swap_dims(shape, stride, operands, d - 1, d);
  int last = 0;  // the dimension that takes in its followers
  for (int d = 1; d < rank; ++d) {
    bool behind = true;
    for (int j = 0; j < operands; ++j) behind &= stride[j][last] == shape[d] * stride[j][d];
    if (behind) {
      const int64_t size = shape[last] * shape[d];
      move_dim(shape, stride, operands, d, last);
      shape[last] = size;
    } else {
      move_dim(shape, stride, operands, d, ++last);
    }
  }
  if (rank > 0) rank = last + 1;
  truncate(shape, rank);
  for (int j = 0; j < operands; ++j) truncate(stride[j], rank);
}

// A chunk is a box: single indices of the dimensions before `cut`, a run of `cut`, all of the ones
// behind it. `cut` is the first dimension whose inner box fits into a chunk.
void parallel_walk(WalkArgs args, double element_ns) {
  coalesce(args.shape, args.stride, args.operands);
  const int64_t total = args.shape.product();
  if (total == 0) return;
  const int64_t length = chunk_length(total, element_ns);
  if (total <= length) return loops::walk(args);

  const int rank = args.shape.rank();
  int cut = 0;
  int64_t outer = 1, inner = total / args.shape[0];
  while (inner > length && cut < rank - 1) {
    outer *= args.shape[cut++];
    inner /= args.shape[cut];
  }
  const int64_t run = std::max<int64_t>(1, length / inner);
  const int64_t runs = (args.shape[cut] + run - 1) / run;
  parallel_tasks(outer * runs, element_ns * static_cast<double>(total), [&](int64_t task) {
    WalkArgs box = args;
    const int64_t begin = task % runs * run;
    int64_t rest = task / runs;
    const auto shift = [&](int d, int64_t index) {
      for (int j = 0; j < args.operands; ++j) box.data[j] += index * args.stride[j][d];
    };
    shift(cut, begin);
    box.shape[cut] = std::min(run, args.shape[cut] - begin);
    for (int d = cut - 1; d >= 0; --d) {
      shift(d, rest % args.shape[d]);
      rest /= args.shape[d];
    }
    for (int d = 0; d < cut; ++d) {
      box.shape.erase(0);
      for (int j = 0; j < args.operands; ++j) box.stride[j].erase(0);
    }
    loops::walk(box);
  });
}

}  // namespace tinytorch::kernels
