// Tasks 4.7 and 4.8: gradients of operations that broadcast, reduce, look and multiply.
#include "modules/autograd/tests/helpers.h"

namespace tinytorch::check {

namespace {

// The gradient that arrives at the leaf x when y gets the gradient g, right or wrong.
Tensor arrives(const Tensor& x, const Tensor& y, const Tensor& g) {
  Tensor seen;
  x.register_hook([&](const Tensor& arrived) {
    seen = arrived;
    return Tensor();
  });
  try {
    y.backward(g, true);
  } catch (const ShapeError&) {
    if (!seen.defined()) throw;  // else a wrong shape was refused behind the hook
  }
  return seen;
}

void shape_is(const Tensor& g, const Shape& expected, const std::string& what,
              const std::string& cause) {
  that(g.defined() && g.shape() == expected,
       what + " has shape " + (g.defined() ? g.shape().str() : "undefined") + ", expected " +
           expected.str() + "\ninvariant: " + kShape,
       cause);
}

}  // namespace

TASK_TEST(broadcast, expand_adds_up) {
  const Tensor x = leaf({1, 2}, Shape{2, 1});
  const Tensor g = Tensor::of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Shape{2, 2, 3});
  const Tensor got = arrives(x, x.expand({2, 2, 3}), g);
  shape_is(got, {2, 1}, "the gradient of x [2, 1] expanded to [2, 2, 3]",
           "the gradient was passed on as it came: sum it down to the shape of x");
  values({.what = "the gradient of x [2, 1] expanded to [2, 2, 3]",
          .got = list(got),
          .expected = {30, 48},
          .shape = {2, 1},
          .invariant = kSum,
          .mistakes = {{{1, 4}, "one copy's gradient was taken instead of the sum of all"},
                       {{6, 15}, "the dimension that came at the left was not summed"},
                       {{5, 8}, "the mean was taken; the gradient is the sum"}}});
}

TASK_TEST(broadcast, expand_of_a_scalar_and_of_nothing) {
  const Tensor x = Tensor::of({3}, Shape{}).set_requires_grad();
  values({.what = "the gradient of a scalar expanded to [2, 3], where ones arrive",
          .got = list(arrives(x, x.expand({2, 3}), ones({2, 3}))),
          .expected = {6}});
  const Tensor z = leaf({1, 2});
  const Tensor g = Tensor::of({5, 6}, Shape{1, 2});
  values({.what = "the gradient of z [2] expanded to [1, 2]",
          .got = list(arrives(z, z.expand({1, 2}), g)),
          .expected = {5, 6}});
  const Tensor e = zeros({3, 1}).set_requires_grad();
  values({.what = "the gradient of [3, 1] expanded to [3, 0]: sums of nothing",
          .got = list(arrives(e, e.expand({3, 0}), zeros({3, 0}))),
          .expected = {0, 0, 0}});
}

TASK_TEST(broadcast, add_of_two_shapes) {
  const Tensor a = leaf({1, 2, 3}, Shape{3, 1}), b = leaf({1, 2});
  const Tensor g = Tensor::of({1, 2, 3, 4, 5, 6}, Shape{3, 2});
  const Tensor y = a + b;
  const Tensor at_b = arrives(b, y, g);
  shape_is(at_b, {2}, "the gradient of b [2] in a + b, a [3, 1]",
           "add passed the gradient on as it came; b was broadcast");
  values({.what = "the gradient of b [2] in a + b, a [3, 1]",
          .got = list(at_b),
          .expected = {9, 12},
          .invariant = kShape});
  values({.what = "the gradient of a [3, 1] in a + b, b [2]",
          .got = list(arrives(a, y, g)),
          .expected = {3, 7, 11},
          .invariant = kShape});
}

TASK_TEST(broadcast, mul_of_two_shapes) {
  const Tensor a = leaf({1, 2, 3}, Shape{3, 1}), b = leaf({10, 20});
  (a * b).backward(Tensor::of({1, 2, 3, 4, 5, 6}, Shape{3, 2}));
  values({.what = "the gradient of a [3, 1] in a b, b [2]",
          .got = gradient(a),
          .expected = {50, 110, 170},
          .invariant = kShape,
          .mistakes = {{{3, 7, 11}, "the gradient was not multiplied by the other factor"},
                       {{90, 210, 330},
                        "the gradient was summed before it was multiplied by the "
                        "other factor"}}});
  values({.what = "the gradient of b [2] in a b, a [3, 1]",
          .got = gradient(b),
          .expected = {22, 28},
          .invariant = kShape});
}

TASK_TEST(broadcast, sum_spreads) {
  for (const bool keepdim : {false, true}) {
    const Tensor x = leaf({1, 2, 3, 4, 5, 6, 7, 8, 9}, Shape{3, 3});
    const Tensor y = x.sum({1}, keepdim);
    y.backward(Tensor::of({1, 10, 100}, y.shape()));
    values({.what = std::string("the gradient of x [3, 3] in x.sum({1}, ") +
                    (keepdim ? "true)" : "false)"),
            .got = gradient(x),
            .expected = {1, 1, 1, 10, 10, 10, 100, 100, 100},
            .shape = {3, 3},
            .mistakes = {{{1, 10, 100, 1, 10, 100, 1, 10, 100},
                          "the summed dimension must come back where it was (unsqueeze); expand "
                          "alone puts it at the left"},
                         {{1, 0, 0, 10, 0, 0, 100, 0, 0},
                          "only the first summed element got the gradient"}}});
  }
  const Tensor x = ones({2, 3, 4}).set_requires_grad();
  x.sum({0, 2}).backward(Tensor::of({1, 2, 3}));
  values({.what = "the gradient of x [2, 3, 4] in x.sum({0, 2})",
          .got = gradient(x),
          .expected = {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3},
          .shape = {2, 3, 4}});
}

TASK_TEST(broadcast, sum_sends_a_view) {
  const Tensor x = ones({64, 64}).set_requires_grad();
  const Tensor got = arrives(x, x.sum(), ones({}));
  that(got.defined() && got.storage().bytes() < 64,
       "the gradient of x.sum() for x [64, 64] holds " + std::to_string(got.storage().bytes()) +
           " bytes; its one value needs 4",
       "the gradient of sum was written out; an expanded view of it is enough");
}

TASK_TEST(broadcast, view_of_a_strided_gradient) {
  const Tensor x = leaf({1, 2, 3, 4, 5, 6});
  x.view({2, 3}).t().backward(Tensor::of({1, 2, 3, 4, 5, 6}, Shape{3, 2}));
  values({.what = "the gradient of x [6] in x.view({2, 3}).t()",
          .got = gradient(x),
          .expected = {1, 3, 5, 2, 4, 6},
          .invariant = kShape,
          .mistakes = {{{1, 2, 3, 4, 5, 6},
                        "the gradient's memory was taken for its values: it "
                        "has strides of its own"}}});
}

TASK_TEST(broadcast, view_sends_a_view) {
  const Tensor x = ones({6}).set_requires_grad();
  const Tensor g = ones({2, 3});
  const Tensor got = arrives(x, x.view({2, 3}), g);
  shape_is(got, {6}, "the gradient of x [6] in x.view({2, 3})",
           "the gradient was passed on in the shape of the result");
  that(got.raw_data() == g.raw_data(), "the gradient of a view was copied",
       "the gradient of view was copied; a contiguous gradient can be looked at in another shape "
       "(reshape)");
}

namespace {

// a b for matrices, in plain loops.
std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, int64_t m,
                            int64_t k, int64_t n, bool a_turned, bool b_turned) {
  std::vector<double> c(static_cast<size_t>(m * n), 0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t p = 0; p < k; ++p)
        c[static_cast<size_t>(i * n + j)] +=
            a[static_cast<size_t>(a_turned ? p * m + i : i * k + p)] *
            b[static_cast<size_t>(b_turned ? j * k + p : p * n + j)];
  return c;
}

void check_product(int64_t m, int64_t k, int64_t n) {
  const Tensor a = data({m, k}, 1).set_requires_grad(), b = data({k, n}, 2).set_requires_grad();
  const Tensor g = data({m, n}, 3);
  matmul(a, b).backward(g);
  const std::string sizes = " in A B, A " + a.shape().str() + ", B " + b.shape().str();
  values({.what = "the gradient of A" + sizes,
          .got = gradient(a),
          .expected = product(list(g), list(b), m, n, k, false, true),
          .shape = a.shape(),
          .tolerance = 1e-12,
          .invariant = kShape,
          .mistakes = {{std::vector<double>(static_cast<size_t>(m * k), 0),
                        "the gradient of A is all zeros"},
                       {m == k && k == n ? product(list(g), list(b), m, n, k, false, false)
                                         : std::vector<double>{},
                        "B was not transposed: dA = dC B^T"},
                       {m == k && k == n ? product(list(b), list(g), m, n, k, true, false)
                                         : std::vector<double>{},
                        "the factors changed places: dA = dC B^T"}}});
  values({.what = "the gradient of B" + sizes,
          .got = gradient(b),
          .expected = product(list(a), list(g), k, m, n, true, false),
          .shape = b.shape(),
          .tolerance = 1e-12,
          .invariant = kShape,
          .mistakes = {{std::vector<double>(static_cast<size_t>(k * n), 0),
                        "the gradient of B is all zeros"},
                       {m == k && k == n ? product(list(a), list(g), k, m, n, false, false)
                                         : std::vector<double>{},
                        "A was not transposed: dB = A^T dC"},
                       {m == k && k == n ? product(list(g), list(a), k, m, n, false, true)
                                         : std::vector<double>{},
                        "the factors changed places: dB = A^T dC"}}});
}

}  // namespace

TASK_TEST(product, of_square_matrices) {
  check_product(4, 4, 4);
}

TASK_TEST(product, of_ragged_sizes) {
  check_product(3, 5, 2);
  check_product(1, 7, 1);
  check_product(2, 0, 3);
}

TASK_TEST(product, of_batches) {
  const Tensor a = data({2, 3, 4}, 1).set_requires_grad(),
               b = data({2, 4, 5}, 2).set_requires_grad();
  const Tensor g = data({2, 3, 5}, 3);
  bmm(a, b).backward(g);
  std::vector<double> da, db;
  for (int64_t i = 0; i < 2; ++i) {
    const auto more_a = product(list(g[i]), list(b[i].detach()), 3, 5, 4, false, true);
    const auto more_b = product(list(a[i].detach()), list(g[i]), 4, 3, 5, true, false);
    da.insert(da.end(), more_a.begin(), more_a.end());
    db.insert(db.end(), more_b.begin(), more_b.end());
  }
  values({.what = "the gradient of A [2, 3, 4] in bmm(A, B)",
          .got = gradient(a),
          .expected = da,
          .shape = {2, 3, 4},
          .tolerance = 1e-12});
  values({.what = "the gradient of B [2, 4, 5] in bmm(A, B)",
          .got = gradient(b),
          .expected = db,
          .shape = {2, 4, 5},
          .tolerance = 1e-12});
}

TASK_TEST(product, copies_no_operand) {
  const Tensor a = data({3, 5}, 1).set_requires_grad(), b = data({5, 2}, 2).set_requires_grad();
  const Tensor y = matmul(a, b), g = data({3, 2}, 3);
  const int64_t before = memory_stats().allocations;
  y.backward(g);
  const int64_t made = memory_stats().allocations - before;
  that(made == 2,
       "backward of a product of two matrices allocated " + std::to_string(made) +
           " tensors; its two results are enough",
       "an operand was copied to transpose it; a transpose is a view");
}

TASK_TEST(product, has_a_second_derivative) {
  const Tensor a = leaf({2}, Shape{1, 1}, DType::kF64), b = leaf({3}, Shape{1, 1}, DType::kF64);
  const Tensor y = matmul(a, matmul(a, b));  // a a b
  const Tensor one = ones({1, 1}, DType::kF64);
  const Tensor first = grad({y}, {a}, {one}, true, true)[0];
  that(first.requires_grad(), "the gradient of a product has no graph of its own",
       "the gradient was computed outside the graph: use operations on the tensors as they come");
  values({.what = "the second derivative of a a b by a",
          .got = list(grad({first}, {a}, {one})[0]),
          .expected = {6},
          .mistakes = {{{3}, "one factor was taken out of the graph"}}});
}

}  // namespace tinytorch::check
