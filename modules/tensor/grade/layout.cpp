#include "tinytorch/core/layout.h"

#include "modules/harness/exercise.h"

namespace tinytorch::exercise {

namespace {

Strides row_major(const Shape& shape) {
  Strides strides = Dims::filled(shape.rank(), 1);
  for (int d = shape.rank() - 2; d >= 0; --d) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

// Dimensions in another order, some sizes of one, some gaps, some repeats, an offset.
Layout any_layout(Input& in, int least_rank, int most_rank, int64_t most_size) {
  Shape memory = in.shape(least_rank, most_rank, most_size);
  for (int64_t& size : memory)
    if (in.integer(0, 4) == 0) size = 1;
  Strides strides = row_major(memory);
  Layout x{memory, strides, in.integer(0, 50)};
  for (int d = memory.rank() - 1; d > 0; --d)
    if (in.flag()) {
      const int other = static_cast<int>(in.integer(0, d));
      std::swap(x.shape[d], x.shape[other]);
      std::swap(x.strides[d], x.strides[other]);
    }
  for (int d = 0; d < x.shape.rank(); ++d) {
    if (x.shape[d] == 1) x.strides[d] = in.integer(0, 99);
    if (in.integer(0, 5) == 0) x.strides[d] = 0;
    if (x.shape[d] > 2 && in.integer(0, 3) == 0) --x.shape[d];
  }
  return x;
}

// Where the elements lie, and the shape: strides of dimensions of size 1 may be anything.
void show(const Layout& x, Output& out) {
  out.all(x.shape);
  out.value(x.strides.rank());
  const int64_t count = x.shape.product();
  for (int64_t k = 0; k < count; ++k) {
    int64_t rest = k, at = x.offset;
    for (int d = x.shape.rank() - 1; d >= 0; --d) {
      at += rest % x.shape[d] * x.strides[d];
      rest /= x.shape[d];
    }
    out.value(static_cast<double>(at));
  }
}

// Another shape of the same number of elements.
Shape recut(Input& in, int64_t count) {
  Shape shape;
  while (shape.rank() < 6) {
    if (in.integer(0, 4) == 0) {
      shape.push_back(1);
      continue;
    }
    std::vector<int64_t> divisors;
    for (int64_t size = 1; size <= count; ++size)
      if (count % size == 0) divisors.push_back(size);
    const int64_t size =
        divisors[static_cast<size_t>(in.integer(0, static_cast<int64_t>(divisors.size()) - 1))];
    shape.push_back(size);
    count /= size;
  }
  shape.push_back(count);
  return shape;
}

}  // namespace

EXERCISE(offsets, "1.4") {
  for (int k = 0; k < 4; ++k) {
    const Layout x = any_layout(in, 0, 6, 5);
    for (int i = 0; i < 10; ++i) {
      std::vector<int64_t> index;
      for (const int64_t size : x.shape) index.push_back(in.integer(0, size - 1));
      out.value(static_cast<double>(offset_of(x, index)));
    }
  }
}

EXERCISE(strides_of_shapes, "1.5") {
  for (int i = 0; i < 10; ++i) {
    Shape shape = in.shape(0, 7, 9);
    for (int64_t& size : shape)
      if (in.integer(0, 9) == 0) size = 0;
    out.all(contiguous_strides(shape));
  }
}

EXERCISE(contiguous_or_not, "1.6") {
  for (int i = 0; i < 40; ++i) {
    Shape shape = in.shape(0, 5, 4);
    Strides strides = row_major(shape);
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape[d] == 1) strides[d] = in.integer(0, 99);
      if (in.integer(0, 9) == 0) ++strides[d];
      if (in.integer(0, 19) == 0) shape[d] = 0;
    }
    out.value(is_contiguous(shape, strides));
    const Layout x = any_layout(in, 1, 4, 4);
    out.value(is_contiguous(x.shape, x.strides));
  }
}

EXERCISE(permuted, "1.7") {
  for (int i = 0; i < 4; ++i) {
    const Layout x = any_layout(in, 0, 5, 4);
    std::vector<int> dims;
    for (int d = 0; d < x.shape.rank(); ++d)
      dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(in.integer(0, d)), d);
    show(permute_layout(x, dims), out);
  }
}

EXERCISE(narrowed, "1.7") {
  for (int i = 0; i < 16; ++i) {
    const Layout x = any_layout(in, 1, 3, 9);
    const int dim = static_cast<int>(in.integer(0, x.shape.rank() - 1));
    const int64_t start = in.integer(0, (x.shape[dim] - 1) / 2), step = in.integer(1, 3);
    const int64_t most = (x.shape[dim] - start + step - 1) / step;
    show(narrow_layout(x, dim, start, in.flag() ? most : in.integer(0, most), step), out);
  }
}

EXERCISE(expanded, "1.7") {
  for (int i = 0; i < 4; ++i) {
    const Layout x = any_layout(in, 0, 4, 4);
    Shape shape = in.shape(0, 2, 3);
    for (const int64_t size : x.shape) shape.push_back(size == 1 ? in.integer(1, 4) : size);
    show(expand_layout(x, shape), out);
  }
}

EXERCISE(reshaped, "1.8") {
  for (int i = 0; i < 16; ++i) {
    const Layout x = any_layout(in, 0, 5, 4);
    const Shape shape = recut(in, x.shape.product());
    const std::optional<Layout> got = reshape_layout(x, shape);
    out.value(got.has_value());
    if (got) show(*got, out);
  }
}

EXERCISE(reshaped_empty, "1.8") {
  Layout x = any_layout(in, 1, 4, 4);
  x.shape[static_cast<int>(in.integer(0, x.shape.rank() - 1))] = 0;
  Shape shape = in.shape(0, 3, 5);
  shape.push_back(0);
  const std::optional<Layout> got = reshape_layout(x, shape);
  out.value(got.has_value());
  if (got) out.all(got->shape);
}

}  // namespace tinytorch::exercise
