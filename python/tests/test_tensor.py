"""Tensors against NumPy: creation, operators, shapes, indexing, conversions."""

import copy
import itertools
import pickle
import unittest

import numpy as np
from common import TestCase, array, tt


class Creation(TestCase):
    def test_tensor_takes_its_dtype_from_the_numbers(self):
        for data, dtype in [
            (1, tt.int64), (1.5, tt.float32), (True, tt.bool), ([1, 2.5], tt.float32),
            ([[True], [False]], tt.bool), ([1, True], tt.int64), ([], tt.float32),
            ([[], []], tt.float32), (np.float64(2), tt.float64), (np.arange(3), tt.int64),
            (np.int32(3), tt.int32), ([np.float32(1)], tt.float32), (2**40, tt.int64),
        ]:
            x = tt.tensor(data)
            self.assertEqual(x.dtype, dtype, data)
            np.testing.assert_array_equal(array(x), np.array(data))
        self.assertEqual(tt.tensor(2**62 + 1).item(), 2**62 + 1)  # exact
        self.same(tt.tensor([[1, 2], [3, 4]], dtype=tt.float64), np.array([[1.0, 2], [3, 4]]))
        self.assertTrue(tt.tensor([1.0], requires_grad=True).requires_grad)

    def test_tensor_refuses_what_is_no_array_of_numbers(self):
        for data, error in [([[1, 2], [3]], ValueError), ([1, [2]], ValueError),
                            (["a"], TypeError), ([None], TypeError), ([[1], 2], ValueError)]:
            with self.assertRaises(error):
                tt.tensor(data)

    def test_filled(self):
        self.same(tt.zeros(2, 3), np.zeros((2, 3), np.float32))
        self.same(tt.ones((2, 3), dtype=tt.int64), np.ones((2, 3), np.int64))
        self.same(tt.zeros(()), np.zeros((), np.float32))
        self.same(tt.full((2,), 7), np.full(2, 7, np.int64))
        self.same(tt.full((2,), 0.5, dtype=tt.float64), np.full(2, 0.5))
        self.same(tt.eye(3), np.eye(3, dtype=np.float32))
        self.same(tt.arange(5), np.arange(5))
        self.same(tt.arange(1, 10, 3), np.arange(1, 10, 3))
        self.close(tt.arange(0, 1, 0.25), np.arange(0, 1, 0.25, np.float32))
        self.close(tt.linspace(-1, 2, 7), np.linspace(-1, 2, 7))
        x = tt.zeros(2, 2, dtype=tt.float64)
        self.same(tt.ones_like(x), np.ones((2, 2)))
        self.same(x.new_zeros(3), np.zeros(3))
        self.same(tt.full_like(x, 2), np.full((2, 2), 2.0))

    def test_random_numbers_follow_the_seed(self):
        tt.manual_seed(3)
        a = [tt.randn(5), tt.rand(5), tt.randint(0, 10, (5,)), tt.randperm(5)]
        tt.manual_seed(3)
        b = [tt.randn(5), tt.rand(5), tt.randint(0, 10, (5,)), tt.randperm(5)]
        for x, y in zip(a, b):
            self.same(x, y)
        self.assertEqual(sorted(a[3].tolist()), [0, 1, 2, 3, 4])
        state = tt.get_rng_state()
        x = tt.randn(4)
        tt.set_rng_state(state)
        self.same(tt.randn(4), x)


class Operators(TestCase):
    def test_arithmetic_broadcasts_and_takes_numbers(self):
        a, b = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([2.0, -1, 0.5])
        x, y = tt.tensor(a), tt.tensor(b)
        for ours, theirs in [
            (x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (x + 2, a + 2),
            (2 + x, 2 + a), (x - 0.5, a - 0.5), (3 - x, 3 - a), (x * 2, a * 2), (2 * x, 2 * a),
            (x / 4, a / 4), (1 / x, 1 / a), (-x, -a), (x @ y, a @ b), (x.T @ x, a.T @ a),
            (x + np.float32(1), a + 1), (x.add(y, alpha=2), a + 2 * b),
            (tt.sub(x, y, alpha=3), a - 3 * b), (np.float64(2) * x, 2 * a), (x + True, a + 1),
        ]:
            self.same(ours, theirs)

    def test_comparisons(self):
        a = np.array([1, 2, 3])
        x = tt.tensor(a)
        for ours, theirs in [(x == 2, a == 2), (x != 2, a != 2), (x < 2, a < 2), (x <= 2, a <= 2),
                             (x > 2, a > 2), (x >= 2, a >= 2), (x == x, a == a), (2 < x, 2 < a)]:
            self.same(ours, theirs)
        self.assertFalse(x == None)  # noqa: E711
        self.assertTrue(x != "text")

    def test_numbers_do_not_widen_and_fractions_make_floats(self):
        self.assertEqual((tt.ones(2) + 1.5).dtype, tt.float32)
        self.assertEqual((tt.ones(2, dtype=tt.int32) + 1).dtype, tt.int32)
        self.assertEqual((tt.ones(2, dtype=tt.int64) * 0.5).dtype, tt.float32)
        self.assertEqual((tt.ones(2, dtype=tt.int64) / 2).dtype, tt.float32)

    def test_in_place(self):
        x = tt.ones(3)
        y = x
        x += 2
        x *= tt.tensor([1.0, 2, 3])
        x -= 1
        x /= 2
        self.assertIs(x, y)
        self.same(y, np.array([1, 2.5, 4], np.float32))
        self.assertIs(x.add_(tt.ones(3), alpha=2), x)
        self.assertIs(x.zero_().fill_(3), x)
        self.same(x.copy_(tt.tensor([1.0, 2, 3])), np.array([1, 2, 3], np.float32))
        w = tt.ones(2, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "cannot be changed in place"):
            w += 1
        with tt.no_grad():
            w += 1
        self.same(w.detach(), np.full(2, 2, np.float32))

    def test_in_place_where_memory_overlaps(self):
        x = tt.arange(4).float()
        with self.assertRaisesRegex(RuntimeError, "is read from the same memory"):
            x[1:] += x[:-1]
        with self.assertRaisesRegex(RuntimeError, "is read from the same memory"):
            x[1:] = x[:-1]
        with self.assertRaisesRegex(RuntimeError, "lie in one place"):
            tt.ones(1).expand(4).add_(1)
        shared = np.arange(4, dtype=np.float32)
        with self.assertRaisesRegex(RuntimeError, "is read from the same memory"):
            tt.from_numpy(shared[1:]).add_(tt.from_numpy(shared[:-1]))
        x[[1, 0, 3, 2]] = x
        self.same(x, np.array([1, 0, 3, 2], np.float32))

    def test_truth_and_numbers(self):
        self.assertTrue(tt.tensor(2.0))
        self.assertFalse(tt.tensor([0]))
        with self.assertRaisesRegex(ValueError, "ambiguous"):
            bool(tt.ones(2))
        self.assertEqual(float(tt.tensor(2.5)), 2.5)
        self.assertEqual(int(tt.tensor(2.9)), 2)
        self.assertEqual([10, 20, 30][tt.tensor(1)], 20)
        with self.assertRaises(TypeError):
            [10, 20][tt.tensor(1.0)]
        self.assertIs(tt.tensor(True).item(), True)
        self.assertIsInstance(tt.tensor(3).item(), int)

    def test_numbers_are_formatted_and_other_tensors_are_not(self):
        self.assertEqual(f"{tt.tensor(1.5):.2f} {tt.tensor(7):>3d}", "1.50   7")
        self.assertEqual(f"{tt.tensor(2.0)}", "2.0")
        self.assertEqual(f"{tt.ones(2)}", str(tt.ones(2)))
        with self.assertRaises(TypeError):
            f"{tt.ones(2):.2f}"

    def test_whole_numbers_outside_of_int64_are_refused(self):
        self.assertEqual(tt.tensor([2**63 - 1, -(2**63)]).tolist(), [2**63 - 1, -(2**63)])
        for number in (2**70, -(2**63) - 1, 10**400, np.uint64(2**63)):
            with self.assertRaisesRegex(ValueError, "does not fit i64"):
                tt.tensor([number])
        self.assertEqual(tt.tensor([float(2**70)]).item(), 2.0**70)

    def test_every_refusal_is_an_error_of_ours(self):
        a = np.arange(4.0)
        refused = [
            (ValueError, lambda: tt.from_numpy(a[::-1])),
            (ValueError, lambda: tt.from_numpy(a.astype(">f8"))),
            (TypeError, lambda: tt.from_numpy(a.astype("float16"))),
            (TypeError, lambda: tt.from_numpy([1.0])),
            (TypeError, lambda: tt.tensor(a.astype("float16"))),
            (TypeError, lambda: tt.tensor(["a"])),
            (ValueError, lambda: tt.tensor([[1, 2], [3]])),
            (ValueError, lambda: tt.tensor([1], device="gpu")),
            (TypeError, lambda: tt.ones(2, dtype=tt.bfloat16).numpy()),
            (ValueError, lambda: tt.ones(4)[::-1]),
            (TypeError, lambda: tt.ones(4)["a"]),
            (ValueError, lambda: bool(tt.ones(2))),
            (ValueError, lambda: tt.ones(2).to("gpu")),
            (TypeError, lambda: len(tt.tensor(1.0))),
            (TypeError, lambda: [10, 20][tt.tensor(1.0)]),
        ]
        for kind, call in refused:
            with self.assertRaises(tt.Error) as caught:
                call()
            self.assertIsInstance(caught.exception, RuntimeError)
            self.assertIsInstance(caught.exception, kind)

    def test_reductions(self):
        a = np.arange(24, dtype=np.float64).reshape(2, 3, 4) % 7
        x = tt.tensor(a)
        for dim, keep in itertools.product([None, 0, -1, (0, 2), [1]], [False, True]):
            axis = tuple(dim) if isinstance(dim, list) else dim
            self.close(x.sum(dim, keep), a.sum(axis, keepdims=keep and dim is not None)
                       if not keep or dim is not None else a.sum(keepdims=True))
            if dim is not None:
                self.close(tt.mean(x, dim=dim, keepdim=keep), a.mean(axis, keepdims=keep))
                self.close(x.var(dim, keepdim=keep), a.var(axis, ddof=1, keepdims=keep))
        self.close(x.max(), a.max())
        values, indices = x.max(dim=1)
        self.close(values, a.max(1))
        self.same(indices, a.argmax(1))
        self.assertIs(type(x.max(1).values), tt.Tensor)
        self.same(x.argmax(), a.argmax())
        self.same(x.argmax(-1, keepdim=True), a.argmax(-1)[..., None])
        self.assertEqual(tt.ones(3, dtype=tt.bool).sum().item(), 3)

    def test_other_functions(self):
        a = np.linspace(0.1, 2, 6).reshape(2, 3)
        x = tt.tensor(a)
        for name in ("exp", "log", "sqrt", "tanh", "square"):
            self.close(getattr(tt, name)(x), getattr(np, name)(a), 1e-12)
            self.close(getattr(x, name)(), getattr(np, name)(a), 1e-12)
        self.close(x.clamp(0.5, 1), a.clip(0.5, 1))
        self.close(x.clamp(min=0.5), a.clip(0.5))
        self.close(tt.where(x > 1, x, 0), np.where(a > 1, a, 0))
        self.same(tt.where(x > 1, 1, 0), np.where(a > 1, 1, 0))
        self.close(x.masked_fill(x > 1, -1), np.where(a > 1, -1, a))
        e = np.exp(a)
        self.close(x.softmax(1), e / e.sum(1, keepdims=True), 1e-12)


    def test_more_functions(self):
        a = np.array([[-1.5, 0.0, 2.5], [0.5, -2.0, 1.0]])
        x = tt.tensor(a)
        for name in ("abs", "sign", "sin", "cos", "expm1"):
            self.close(getattr(tt, name)(x), getattr(np, name)(a), 1e-12)
        self.close(tt.log1p(x.abs()), np.log1p(abs(a)), 1e-12)
        for ours, theirs in [
            (x**2, a**2), (x**3, a**3), (2**x, 2**a), (abs(x) ** 0.5, abs(a) ** 0.5),
            (tt.maximum(x, -x), np.maximum(a, -a)),
            (tt.minimum(x, tt.tensor(0.5)), np.minimum(a, 0.5)), (x.amax(1), a.max(1)),
            (x.amin((0, 1)), a.min()), (x.std(1), a.std(1, ddof=1)), (x.norm(), np.linalg.norm(a)),
            (x.norm(1, dim=0), abs(a).sum(0)), (x.prod(1), a.prod(1)), (x.cumsum(1), a.cumsum(1)),
            (x.logsumexp(1), np.log(np.exp(a).sum(1))), (x.min(), a.min()),
            (x.min(1).values, a.min(1)), (tt.outer(x[0], x[1]), np.outer(a[0], a[1])),
            (tt.einsum("ij,kj->ik", x, x), a @ a.T), (tt.einsum("ij->j", [x]), a.sum(0)),
            (x.sort(1).values, np.sort(a, 1)), (x.topk(2).values, -np.sort(-a, 1)[:, :2]),
            (tt.topk(x, 2, 1, False, sorted=False).values.sort().values, np.sort(a, 1)[:, :2]),
        ]:
            self.close(ours, theirs, 1e-12)
        for ours, theirs in [
            (x.argmin(1), a.argmin(1)), (x.argmin(), a.argmin()), (tt.argsort(x), a.argsort(1)),
            ((x > 0) & (x < 2), (a > 0) & (a < 2)), ((x > 0) | (x < -1), (a > 0) | (a < -1)),
            (~(x > 0), ~(a > 0)), ((x > 0) ^ (x > 1), (a > 0) ^ (a > 1)), ((x > 2).any(), (a > 2).any()),
            ((x > 0).any(1), (a > 0).any(1)), ((x > -2).all(1), (a > -2).all(1)),
            (tt.zeros(0).any(), np.zeros(0).any()), (tt.zeros(0).all(), np.zeros(0).all()),
            (tt.logical_and(x, 1), np.logical_and(a, 1)),
        ]:
            self.same(ours, theirs)
        for ours, theirs in [
            (x.flip(1), a[:, ::-1]), (tt.flip(x, (0, 1)), a[::-1, ::-1]), (x.repeat(2, 1), np.tile(a, (2, 1))),
            (x.roll(1, 1), np.roll(a, 1, 1)), (x.tril(), np.tril(a)), (tt.triu(x, 1), np.triu(a, 1)),
            (x.masked_select(x > 0), a[a > 0]), (x.unfold(1, 2, 1)[:, 1], a[:, 1:]),
            (x.scatter_add(1, tt.tensor([[0], [2]]), x), a + [[a[0, 0], 0, 0], [0, 0, a[1, 0]]]),
        ]:
            self.close(ours, theirs.copy())
        with self.assertRaisesRegex(TypeError, "bits"):
            tt.arange(3) & 1


class Shapes(TestCase):
    def test_views(self):
        a = np.arange(24.0).reshape(2, 3, 4)
        x = tt.tensor(a)
        for ours, theirs in [
            (x.view(6, 4), a.reshape(6, 4)), (x.view((4, -1)), a.reshape(4, 6)),
            (x.reshape([24]), a.reshape(24)), (x.permute(2, 0, 1), a.transpose(2, 0, 1)),
            (x.transpose(0, -1), a.swapaxes(0, 2)), (x.flatten(1), a.reshape(2, 12)),
            (x.unsqueeze(1), a[:, None]), (x[:, :1].squeeze(1), a[:, 0]), (x.T, a.T),
            (x.mT, a.swapaxes(1, 2)), (x.narrow(2, 1, 2), a[:, :, 1:3]), (x.select(1, 2), a[:, 2]),
            (x[0:1].expand(5, -1, -1), np.broadcast_to(a[:1], (5, 3, 4))),
        ]:
            self.same(ours, theirs)
        self.assertEqual(x.permute(2, 0, 1).data_ptr(), x.data_ptr())
        self.assertEqual(x.shape, (2, 3, 4))
        self.assertEqual(x.size(), (2, 3, 4))
        self.assertEqual(x.size(-1), 4)
        self.assertEqual((x.dim(), x.ndim, x.numel(), len(x)), (3, 3, 24, 2))
        self.assertEqual(x.stride(), (12, 4, 1))
        with self.assertRaisesRegex(ValueError, "without a copy"):
            x.transpose(0, 1).view(24)

    def test_joins_and_parts(self):
        a = np.arange(6.0).reshape(2, 3)
        x = tt.tensor(a)
        self.same(tt.cat([x, x], dim=1), np.concatenate([a, a], 1))
        self.same(tt.stack((x, x), -1), np.stack([a, a], -1))
        for part, expected in zip(x.split(2, dim=1), [a[:, :2], a[:, 2:]]):
            self.same(part, expected)
        for part, expected in zip(x.split([1, 2], dim=1), [a[:, :1], a[:, 1:]]):
            self.same(part, expected)
        self.assertEqual([p.shape for p in tt.arange(7).chunk(3)], [(3,), (3,), (1,)])
        self.assertEqual([r.tolist() for r in x], a.tolist())
        self.assertEqual([c.tolist() for c in x.unbind(1)], a.T.tolist())

    def test_text_is_the_librarys(self):
        self.assertEqual(repr(tt.tensor([1.0, 2.5])), "tensor([1.0000, 2.5000])")
        self.assertEqual(str(tt.arange(3)), "tensor([0, 1, 2])")
        self.assertIn("requires_grad=True", repr(tt.ones(1, requires_grad=True)))


class Indexing(TestCase):
    a = np.arange(60).reshape(3, 4, 5)
    indices = [
        0, -1, (1, 2), (1, 2, 3), slice(1, None), (slice(None), 1), (Ellipsis, 2), None,
        (slice(None), None, 0), (slice(None, None, 2), slice(-3, -1)), (0, Ellipsis, 1),
        (Ellipsis,), slice(5, 2), slice(None),
        [0, 2], [-1, 0, 0], ([0, 1], [2, 3]), (slice(None), [1, 3]), (slice(None), [1, -1], [0, 4]),
        ([[0], [2]], [[1, 3]]), ([0, 1], slice(None), [2, 3]), (1, [0, 1]), (Ellipsis, [0, 2]),
        (None, [0, 1]), (slice(0, 2), [3, 0], slice(1, 4)), ([0, 1], None, [1, 1]),
        a % 7 == 0, (a[:, :, 0] % 2 == 0), (slice(None), a[0] > 5), a > 100, (0, a[0, :, 0] > 2),
        np.array([0, 2]), np.int64(1),
    ]

    def plain(self, index):
        """Ours: lists stay lists, arrays become tensors in half of the cases."""
        if isinstance(index, np.ndarray):
            return tt.tensor(index)
        if isinstance(index, tuple):
            return tuple(self.plain(i) for i in index)
        return index

    def test_reading_is_numpys(self):
        x = tt.tensor(self.a)
        for index in self.indices:
            with self.subTest(index=str(index)[:60]):
                self.same(x[self.plain(index)], self.a[index])
                self.same(x[index], self.a[index])

    def test_writing_is_numpys(self):
        for index in self.indices:
            with self.subTest(index=str(index)[:60]):
                x, expected = tt.tensor(self.a), self.a.copy()
                x[self.plain(index)] = -7
                expected[index] = -7
                self.same(x, expected)
                # Values, into memory of another order.
                moved = np.ascontiguousarray(self.a.transpose(2, 0, 1))
                x, expected = tt.tensor(moved).permute(1, 2, 0), self.a.copy()
                shape = expected[index].shape
                values = np.arange(int(np.prod(shape))).reshape(shape) - 1000
                if "0, 0" not in str(index):  # which of two values for one place stays is open
                    x[self.plain(index)] = tt.tensor(values)
                    expected[index] = values
                    self.same(x, expected)

    def test_writing_broadcasts_and_converts(self):
        x = tt.zeros(3, 4)
        x[1:, [0, 2]] = tt.tensor([1, 2])
        self.same(x, np.array([[0, 0, 0, 0], [1, 0, 2, 0], [1, 0, 2, 0]], np.float32))
        x[0] = [5, 6, 7, 8]
        self.same(x[0], np.array([5, 6, 7, 8], np.float32))

    def test_gradients_reach_what_was_chosen(self):
        x = tt.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True)
        (x[[0, 0, 2], [1, 1, 3]] * tt.tensor([1.0, 2, 4], dtype=tt.float64)).sum().backward()
        expected = np.zeros((3, 4))
        expected[0, 1], expected[2, 3] = 3, 4
        self.same(x.grad, expected)
        x.grad = None
        x[x.detach() > 5].square().sum().backward()
        values = np.arange(12.0).reshape(3, 4)
        self.same(x.grad, np.where(values > 5, 2 * values, 0))

    def test_gradients_pass_through_assignment(self):
        h = tt.tensor([1.0, 2], dtype=tt.float64, requires_grad=True)
        w = tt.ones(3, 2, dtype=tt.float64, requires_grad=True)
        for index in [1, (slice(None), 0), [0, 2], ([0, 1], [1, 1]), w.detach()[:, 0] > 0]:
            with self.subTest(index=str(index)):
                x = w * 3  # some of it is overwritten
                plain = x.detach().numpy().copy()
                value = h[0] if np.ndim(plain[array(index) if hasattr(index, "shape") else index]) < 2 \
                    and index != 1 else h
                x[index] = value * value
                key = array(index) if hasattr(index, "shape") else index
                plain[key] = array(value) ** 2
                self.same(x, plain)
                gw, gh = tt.autograd.grad((x * x).sum(), (w, h))
                kept = np.ones((3, 2))
                kept[key] = 0
                self.close(gw, kept * 18)
                count = np.zeros((3, 2))
                count[key] = 1
                per = count.sum(0) if value.dim() else np.array([count.sum(), 0])
                self.close(gh, per * 4 * array(h) ** 3)
        out = tt.zeros(2, 2)
        out[0] = tt.ones(2, requires_grad=True) * 2
        self.assertTrue(out.requires_grad)
        with self.assertRaisesRegex(RuntimeError, "leaf"):
            w[0] = 1

    def test_errors(self):
        x = tt.zeros(3, 4)
        for index, error, text in [
            (3, IndexError, "3"), ((0, 0, 0), IndexError, "3 indices"), ([3], IndexError, "range"),
            (tt.tensor([1.0]), TypeError, "float|f32"), ("a", TypeError, "'a'"),
            (slice(None, None, -1), ValueError, "step"),
            (tt.ones(2, dtype=tt.bool), IndexError, "mask"), (1.0, TypeError, "1.0"),
        ]:
            with self.subTest(index=str(index)), self.assertRaisesRegex(error, text):
                x[index]


class Conversions(TestCase):
    def test_to(self):
        x = tt.tensor([1.7, -2.2])
        self.assertEqual(x.to(tt.float64).dtype, tt.float64)
        self.assertEqual(x.to("cpu", dtype=tt.int64).tolist(), [1, -2])
        self.assertEqual(x.long().dtype, tt.int64)
        self.assertEqual(x.to(tt.zeros(1, dtype=tt.bfloat16)).dtype, tt.bfloat16)
        self.assertEqual(x.bfloat16().float().tolist(), [1.703125, -2.203125])
        with self.assertRaisesRegex(ValueError, "cuda"):
            x.to("cuda")
        self.assertEqual(repr(tt.float32), "tinytorch.float32")
        self.assertTrue(tt.float32.is_floating_point)

    def test_tolist(self):
        for a in [np.arange(6).reshape(2, 3), np.array(2.5), np.zeros((2, 0)), np.array([True])]:
            self.assertEqual(tt.tensor(a).tolist(), a.tolist())
        self.assertEqual(tt.arange(6).reshape(2, 3).T.tolist(), [[0, 3], [1, 4], [2, 5]])

    def test_copies(self):
        x = tt.tensor([[1.0, 2]], requires_grad=True)
        for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
            self.same(other.detach(), x.detach())
            self.assertTrue(other.requires_grad)
            self.assertNotEqual(other.data_ptr(), x.data_ptr())
        self.assertEqual(x.clone().shape, (1, 2))
        self.assertEqual(x.detach().data_ptr(), x.data_ptr())
        self.assertFalse(x.detach().requires_grad)


if __name__ == "__main__":
    unittest.main()
