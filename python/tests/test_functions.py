"""Functions that are put together in Python and names that PyTorch's have, against PyTorch."""

import unittest

import numpy as np
from common import TestCase, tt

try:
    import torch
except ImportError:
    torch = None
needs_torch = unittest.skipIf(torch is None, "PyTorch is not installed")

INFINITY, NAN = float("inf"), float("nan")
FLOATS = [0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, -3.2, 8388607.5, 8388609.0, -8388607.5,
          1e30, -1e30, INFINITY, -INFINITY, NAN]


@needs_torch
class AgainstTorch(TestCase):
    def both(self, f, *arrays):
        ours = f(tt, *map(tt.tensor, arrays))
        theirs = f(torch, *map(torch.tensor, arrays))
        for a, b in zip(*[x if isinstance(x, tuple) else (x,) for x in (ours, theirs)]):
            if isinstance(b, torch.Tensor):
                self.same(a, b.numpy())
            else:
                self.assertIs(a, b)

    def test_of_elements(self):
        for a in (np.float32(FLOATS), np.float64([*FLOATS, 2.0**52 - 0.5, 2.0**53]),
                  np.array([1, -2])):
            for name in ("isnan", "isinf", "isfinite", "floor", "ceil", "round"):
                with self.subTest(name=name, dtype=a.dtype):
                    self.both(lambda t, x: getattr(t, name)(x), a)
                    self.both(lambda t, x: getattr(x, name)(), a)
        self.assertEqual(tt.tensor([2.5, -0.3]).bfloat16().floor().tolist(), [2, -1])
        x = tt.tensor([0.3, INFINITY], requires_grad=True)
        tt.floor(x).sum().backward()
        self.assertEqual(x.grad.tolist(), [0, 0])

    def test_closeness(self):
        a = np.array([1.0, INFINITY, NAN, 5.0, INFINITY])
        b = np.array([1.0 + 1e-6, INFINITY, NAN, 5.1, 1.0])
        self.both(lambda t, x, y: t.isclose(x, y), a, b)
        self.both(lambda t, x, y: t.isclose(y, x, equal_nan=True), a, b)
        for pair in [(a[:2], b[:2]), (a, b), (a[3:4], b[3:4]), (a[4:], b[4:])]:
            self.both(lambda t, x, y: t.allclose(x, y), *pair)
            self.both(lambda t, x, y: x.allclose(y, rtol=0.5, equal_nan=True), *pair)
        for pair in [(a[:2], a[:2]), (a, a), (a[:2], a[:1]), (a[:0], a[:0])]:
            self.both(lambda t, x, y: t.equal(x, y), *pair)

    def test_vectors_and_places(self):
        v, m = np.array([1.0, 0, 3]), np.array([[1.0, 0, 2], [0, 0, 5]])
        self.both(lambda t, x: t.dot(x, x), v)
        with self.assertRaisesRegex(ValueError, "dot"):
            tt.dot(tt.ones(2), tt.ones(3))
        self.both(lambda t, x: t.nonzero(x), m)
        self.both(lambda t, x: x.nonzero(as_tuple=True), m)
        self.both(lambda t, x: t.nonzero(x), np.zeros((2, 2)))
        for diagonal in (-1, 0, 1, 2):
            self.both(lambda t, x: t.diag(x, diagonal), v)
            self.both(lambda t, x: x.diag(diagonal), m)
            self.both(lambda t, x: x.diag(diagonal), m.T.copy())
        x = tt.tensor(m, requires_grad=True)
        (tt.diag(x.diag()) * 3).sum().backward()
        self.same(x.grad, np.array([[3.0, 0, 0], [0, 3, 0]]))

    def test_extremes_of_two(self):
        a, b = np.array([1.0, 5, 3]), np.array([2.0, 4, 3])
        self.both(lambda t, x, y: (t.max(x, y), t.min(x, y), x.max(y), x.min(other=y)), a, b)
        self.both(lambda t, x, y: t.max(x, y), a, np.array(2.0))

    def test_axis_is_another_name_of_dim(self):
        a = np.random.default_rng(0).standard_normal((3, 4)).round(1)
        for name in ("sum", "mean", "amax", "amin", "argmax", "argmin", "std", "var"):
            with self.subTest(name=name):
                ours, theirs = (getattr(x, name)(axis=1) for x in (tt.tensor(a), torch.tensor(a)))
                self.close(ours, theirs, 1e-12)
                self.close(getattr(tt, name)(tt.tensor(a), axis=0), getattr(a, name)(0)
                           if name not in ("std", "var", "amax", "amin")
                           else getattr(torch, name)(torch.tensor(a), 0), 1e-12)
        self.both(lambda t, x: tuple(x.max(axis=1)), a)
        self.both(lambda t, x: tuple(t.min(x, axis=0, keepdim=True)), a)
        self.both(lambda t, x: (x > 0).any(axis=1), a)


class Methods(TestCase):
    def test_in_place(self):
        x = tt.tensor([-1.0, 0.5, 3])
        self.assertIs(x.clamp_(0, 1), x)
        self.assertEqual(x.tolist(), [0, 0.5, 1])
        self.assertEqual(x.masked_fill_(x > 0.4, 7).tolist(), [0, 7, 7])
        w = tt.tensor([-1.0, 0.5], requires_grad=True)
        (w * 2).clamp_(min=0).sum().backward()
        self.assertEqual(w.grad.tolist(), [0, 2])

    def test_small_ones(self):
        x = tt.ones(2, dtype=tt.float64, requires_grad=True)
        self.assertIs(+x, x)
        self.assertEqual(x.new_tensor([1, 2]).dtype, tt.float64)
        self.assertEqual(x.new_tensor([1, 2], dtype=tt.int64).tolist(), [1, 2])
        self.assertIsNone(x.grad_fn)
        self.assertIsNone(x.detach().grad_fn)
        self.assertIn("mul", (x * x).grad_fn.lower())


if __name__ == "__main__":
    unittest.main()
