#pragma once
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/optim.h"

namespace tinytorch::kernels {

// Runs fn(chunk, its index) for each chunk of a table, in one parallel region.
template <class T, class F>
void for_each_chunk(ChunkTable<T> chunks, double item_ns, F&& fn) {
  int64_t total = 0;
  for (const ParamChunk<T>& c : chunks) total += c.n;
  parallel_tasks(static_cast<int64_t>(chunks.size()), item_ns * static_cast<double>(total),
                 [&](int64_t i) { fn(chunks[static_cast<size_t>(i)], i); });
}

// Sum over the table of fn(chunk), added in the order of the table.
template <class T, class F>
double sum_over_chunks(ChunkTable<T> chunks, double item_ns, F&& fn) {
  double* partial = scratch<double>(Scratch::kA, static_cast<int64_t>(chunks.size()));
  for_each_chunk(chunks, item_ns, [&](const ParamChunk<T>& c, int64_t i) { partial[i] = fn(c); });
  double sum = 0;
  for (size_t i = 0; i < chunks.size(); ++i) sum += partial[i];
  return sum;
}

}  // namespace tinytorch::kernels
