"""What programs hand in: sequences that make their items, arrays beside tensors, masks of one
truth, numbers that do not fit, objects that are no tensors yet."""

import array as arrays
import unittest

import numpy as np
from common import TestCase, tt

try:
    import torch
except ImportError:
    torch = None
needs_torch = unittest.skipIf(torch is None, "PyTorch is not installed")


class Made:
    """A sequence whose items exist only while somebody holds them."""

    def __init__(self, count, make):
        self.count, self.make = count, make

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if not 0 <= i < self.count:
            raise IndexError
        return self.make(i)


class Sequences(TestCase):
    def test_sequences_that_make_their_items(self):
        rows = [tt.tensor([1.0, 2]), tt.tensor([3.0, 4])]
        self.same(tt.tensor(rows), np.array([[1, 2], [3, 4]], np.float32))
        self.same(tt.tensor([np.arange(3), np.arange(3, 6)]), np.arange(6).reshape(2, 3))
        self.same(tt.tensor(arrays.array("d", [1.5, 2.5])), np.array([1.5, 2.5], np.float32))
        self.same(tt.tensor(range(2, 5)), np.arange(2, 5))
        self.same(tt.tensor(Made(3, lambda i: Made(2, lambda j: 1000 * i + j + 0.5))),
                  np.array([[0.5, 1.5], [1000.5, 1001.5], [2000.5, 2001.5]], np.float32))
        many = [tt.full((50,), float(i)) for i in range(40)]
        self.same(tt.tensor(many), np.repeat(np.arange(40, dtype=np.float32), 50).reshape(40, 50))

    def test_scalar_tensors_keep_their_kind(self):
        for values, dtype in [([1.0, 2.0], tt.float32), ([1, 2], tt.int64), ([True], tt.bool)]:
            x = tt.tensor([tt.tensor(v) for v in values])
            self.assertEqual((x.dtype, x.tolist()), (dtype, values))
        exact = tt.tensor(0.1, dtype=tt.float64)
        self.assertEqual(tt.tensor([exact, exact])[1].item(), 0.1)
        self.assertEqual(tt.tensor([np.bool_(True)]).dtype, tt.bool)

    def test_rows_of_different_lengths_are_refused(self):
        with self.assertRaisesRegex(ValueError, "rows differ"):
            tt.tensor([tt.ones(2), tt.ones(3)])
        with self.assertRaisesRegex(ValueError, "expected a number"):
            tt.tensor([tt.ones(2), tt.ones(2, 2)])

    def test_lists_of_tensors_choose(self):
        x = tt.arange(5) * 10
        self.assertEqual(x[[tt.tensor([0, 1]), tt.tensor([2, 3])]].tolist(), [[0, 10], [20, 30]])
        self.same(tt.einsum("i,i->", Made(2, lambda i: tt.ones(3))), np.float32(3))

    def test_what_is_no_tensor_yet_is_refused(self):
        empty = tt.nn.Parameter.__new__(tt.nn.Parameter)
        for use in (lambda: tt.Tensor.numel(None), lambda: tt.Tensor.detach(None),
                    lambda: tt.Tensor.ndim.fget(None), lambda: repr(empty), lambda: empty.shape,
                    lambda: empty + 1, lambda: tt.ones(1) + empty, lambda: tt.exp(empty)):
            with self.assertRaises(TypeError):
                use()


class Arrays(TestCase):
    def test_arrays_stand_on_both_sides_of_an_operator(self):
        a, b = np.array([1.0, 2, 3]), np.array([1.0, 5, 3])
        x = tt.tensor(a)
        for ours, theirs in [
            (x + b, a + b), (b + x, a + b), (x - b, a - b), (b - x, b - a), (x * b, a * b),
            (b * x, a * b), (x / b, a / b), (b / x, b / a), (x == b, a == b), (b == x, a == b),
            (x != b, a != b), (x < b, a < b), (b < x, b < a), (b >= x, b >= a), (x**b, a**b),
            (b**x, b**a), (x @ b, a @ b), (b @ x, a @ b), (tt.maximum(x, b), np.maximum(a, b)),
            ((x > 1) & (b > 1), (a > 1) & (b > 1)), ((b > 1) | (x > 2), (b > 1) | (a > 2)),
            (x.add(b, alpha=2), a + 2 * b),
        ]:
            self.assertIs(type(ours), tt.Tensor)
            self.close(ours, theirs, 1e-12)
        x += b
        self.same(x, a + b)
        self.assertEqual((tt.ones(2) * np.ones(2)).dtype, tt.float64)
        self.assertIsInstance(np.exp(tt.ones(2)), np.ndarray)

    def test_gradients_pass_beside_arrays(self):
        w = tt.ones(3, dtype=tt.float64, requires_grad=True)
        a = np.array([1.0, 2, 3])
        (w * a + a * w).sum().backward()
        self.same(w.grad, 2 * a)

    def test_arrays_of_other_dtypes_are_refused(self):
        with self.assertRaisesRegex(TypeError, "float16"):
            tt.ones(2) * np.ones(2, np.float16)
        with self.assertRaises(TypeError):
            tt.ones(2) @ 3


class Truths(TestCase):
    def test_a_single_truth_chooses_all_or_nothing(self):
        x = tt.tensor([1.0, 2])
        for yes, no in [(True, False), (tt.tensor(True), tt.tensor(False)),
                        (np.bool_(True), np.bool_(False))]:
            self.same(x[yes], np.array([[1, 2]], np.float32))
            self.assertEqual(x[no].shape, (0, 2))
            self.assertEqual(x[yes, 1].tolist(), [2])
            self.assertEqual(x[:, yes].shape, (2, 1))
        a = tt.tensor(-2.0)
        a[a > 0] = 9.0
        self.assertEqual(a.item(), -2)
        a[a < 0] = 9.0
        self.assertEqual(a.item(), 9)
        x[False] = 7
        self.assertEqual(x.tolist(), [1, 2])
        x[True] = 7
        self.assertEqual(x.tolist(), [7, 7])

    @needs_torch
    def test_as_pytorch_has_it(self):
        a = np.arange(6.0).reshape(2, 3)
        for index in [True, False, (True, 1), (slice(None), False), (None, True), (..., True),
                      (True, [0, 1])]:
            with self.subTest(index=str(index)):
                self.same(tt.tensor(a)[index], torch.tensor(a)[index].numpy())

    def test_inverting(self):
        for dtype in (np.bool_, np.uint8, np.int8, np.int32, np.int64):
            a = np.array([0, 1, 5], dtype)
            self.same(~tt.tensor(a), ~a)
        self.assertEqual((~tt.tensor([0, 5])).tolist(), [-1, -6])
        with self.assertRaisesRegex(TypeError, "f32"):
            ~tt.ones(1)
        with self.assertRaisesRegex(TypeError, "~x"):
            -tt.tensor([True])


class Views(TestCase):
    def test_the_whole_is_a_view_too(self):
        for index in (slice(None), ..., (slice(None), ...), ()):
            x = tt.ones(2, 3, requires_grad=True)
            y = x[index]
            self.assertFalse(y.is_same(x))
            self.assertEqual(y.data_ptr(), x.data_ptr())
            y.sum().backward()
            self.same(x.grad, np.ones((2, 3), np.float32))
        x = tt.ones(2, requires_grad=True)
        x.detach()[:].requires_grad_(False)
        y = tt.ones(2)[:].requires_grad_()
        self.assertTrue(x.requires_grad and y.requires_grad)
        z = tt.ones(3)
        z[:].requires_grad_(True)
        self.assertFalse(z.requires_grad)
        self.assertEqual(tt.tensor(2.0)[...].shape, ())
        self.assertEqual(tt.ones(3, 2).T[:].stride(), (1, 2))

    def test_values_may_have_sizes_of_one_in_front(self):
        a = tt.zeros(2, 3)
        a[1] = tt.ones(1, 3)
        a[0, 1] = tt.full((1, 1), 5.0)
        a[[0, 1]] = a[[0, 1]].unsqueeze(0)
        self.same(a, np.array([[0, 5, 0], [1, 1, 1]], np.float32))
        h = tt.ones(1, 3, requires_grad=True)
        a[0] = h * 2
        a.sum().backward()
        self.same(h.grad, np.full((1, 3), 2, np.float32))
        with self.assertRaises(ValueError):
            a.detach()[1] = tt.ones(2, 3)


class Numbers(TestCase):
    def test_numbers_that_do_not_fit_are_refused(self):
        for data, dtype in [([300], tt.uint8), ([-1], tt.uint8), ([128], tt.int8), ([1e20], tt.int64),
                            ([2**31], tt.int32), ([float("nan")], tt.int64), ([2**70], None),
                            (2**63, tt.int64), ([-(2**63) - 1], None)]:
            with self.assertRaisesRegex(ValueError, "does not fit"):
                tt.tensor(data, dtype=dtype)
        for data, dtype in [([255, 0], tt.uint8), ([-128, 127], tt.int8), ([2**63 - 1], tt.int64),
                            ([-(2**63)], tt.int64)]:
            self.assertEqual(tt.tensor(data, dtype=dtype).tolist(), data)
        self.assertEqual(tt.tensor([255.9, -0.9], dtype=tt.uint8).tolist(), [255, 0])
        self.assertEqual(tt.tensor([2**70], dtype=tt.float64).item(), 2.0**70)
        self.assertEqual(tt.tensor([2**70, 0.5]).dtype, tt.float32)

    def test_a_truth_fills_with_truths(self):
        for value in (True, np.bool_(True), tt.tensor(True)):
            self.same(tt.full((2,), value), np.full(2, True))
        self.same(tt.full_like(tt.ones(2), True), np.ones(2, np.float32))

    def test_numbers_beside_truths_stay_numbers(self):
        mask = tt.tensor([True, False])
        self.same(tt.where(mask, mask, 2), np.array([1, 2]))
        self.same(tt.where(mask, mask, False), np.array([True, False]))
        self.same(tt.where(mask, 0.5, mask), np.array([0.5, 0], np.float32))

    def test_integers_are_counted_as_integers(self):
        for bounds in [(2**53, 2**53 + 3), (5, 0, -2), (0, 7, 3), (3, 3), (2**62, 2**62 + 2),
                       (5, -1, -3), (-4, 5, 4)]:
            self.assertEqual(tt.arange(*bounds).tolist(), list(range(*bounds)), bounds)
        with self.assertRaises(ValueError):
            tt.arange(0, 5, 0)

    def test_a_truth_is_no_dimension(self):
        a = np.array([[1.0, 2], [4, 8]])
        x = tt.tensor(a)
        self.close(x.std(False), a.std())
        self.close(tt.var(x, True), a.var(ddof=1))
        self.close(x.std(1, False), a.std(1))
        with self.assertRaises(TypeError):
            x.sum(True)

    def test_formats(self):
        self.assertEqual(f"{tt.tensor(1.23456):.2f}", "1.23")
        self.assertEqual(f"{tt.tensor([7]):03d}", "007")
        self.assertEqual(f"{tt.tensor([1.5])}", "tensor([1.5000])")
        with self.assertRaises(TypeError):
            f"{tt.ones(2):.2f}"


if __name__ == "__main__":
    unittest.main()
