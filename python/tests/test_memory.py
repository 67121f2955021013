"""Memory shared with NumPy and PyTorch: no copies, right lifetimes in both directions."""

import gc
import sys
import threading
import unittest
import weakref

import numpy as np
from common import TestCase, tt

DTYPES = [np.bool_, np.uint8, np.int8, np.int32, np.int64, np.float32, np.float64]


class Owner(np.ndarray):
    """An array whose end can be seen."""


class WithNumpy(TestCase):
    def test_both_directions_share(self):
        for dtype in DTYPES:
            a = np.zeros((2, 3), dtype)
            x = tt.from_numpy(a)
            a[1, 2] = 1
            self.assertEqual(x[1, 2].item(), 1)
            b = x.numpy()
            self.assertTrue(np.shares_memory(a, b))
            self.assertEqual(b.dtype, a.dtype)
            x[0, 0] = 1
            self.assertEqual(a[0, 0], 1)
            self.assertTrue(np.shares_memory(np.asarray(x), a))

    def test_strides_survive(self):
        base = np.arange(24.0).reshape(4, 6)
        for a in [base.T, base[1:, ::2], base[::2], base[:, 3], base[2:2], base[3, 5:6],
                  np.asfortranarray(base)]:
            x = tt.from_numpy(a)
            self.same(x, a)
            self.assertEqual(a.size == 0 or np.shares_memory(x.numpy(), a), True)
        x = tt.arange(12).reshape(3, 4)
        self.same(x.T[1:].numpy(), np.arange(12).reshape(3, 4).T[1:])
        self.same(tt.ones(1).expand(3), np.ones(3, np.float32))

    def test_a_tensor_keeps_the_array_and_lets_it_go(self):
        a = np.arange(1000.0).view(Owner)
        ended = weakref.ref(a)
        x = tt.from_numpy(a)
        y = x[10:20]
        del a, x
        gc.collect()
        self.assertIsNotNone(ended())
        self.assertEqual(y[0].item(), 10)
        del y
        self.assertIsNone(ended())

    def test_an_array_keeps_the_tensor(self):
        x = tt.arange(1000)
        a = x[1:].numpy()[::2]
        where = x.data_ptr()
        del x
        gc.collect()
        tt.arange(1000).fill_(-1)  # would take the memory if it were free
        self.assertEqual(a.ctypes.data, where + 8)
        self.same(a, np.arange(1, 1000, 2))

    def test_an_array_outlives_new_data_in_its_tensor(self):
        x = tt.ones(1000)
        a = x.numpy()
        x.data = tt.zeros(1000)
        tt.full((1000,), 3.0)
        self.assertEqual(a.sum(), 1000)

    def test_the_end_may_come_without_the_interpreter(self):
        # The memory is dropped inside backward, which has given the interpreter back.
        a = np.ones(100000, np.float32).view(Owner)
        ended = weakref.ref(a)
        w = tt.ones(100000, requires_grad=True)
        loss = (w * tt.from_numpy(a)).sum()
        del a
        self.assertIsNotNone(ended())
        loss.backward()
        self.assertIsNone(ended())

    def test_what_cannot_be_shared(self):
        for a, text in [(np.arange(3)[::-1], "negative stride"), (np.zeros(3, ">f4"), "byte order"),
                        (np.frombuffer(bytearray(9), np.uint8)[1:].view(np.float64), "aligned")]:
            with self.assertRaisesRegex(ValueError, text):
                tt.from_numpy(a)
            np.testing.assert_array_equal(tt.tensor(a).numpy(), a)
        for a in [np.zeros(3, np.float16), np.zeros(3, np.complex64), np.array(["a"]),
                  np.zeros(3, np.int16)]:
            with self.assertRaisesRegex(TypeError, "dtype"):
                tt.from_numpy(a)
        with self.assertRaises(TypeError):
            tt.from_numpy([1, 2])
        with self.assertRaisesRegex(RuntimeError, "detach"):
            tt.ones(2, requires_grad=True).numpy()
        with self.assertRaisesRegex(TypeError, "bfloat16"):
            tt.ones(2, dtype=tt.bfloat16).numpy()

    def test_a_read_only_array_is_copied(self):
        a = np.arange(3.0)
        a.flags.writeable = False
        with self.assertWarnsRegex(UserWarning, "read-only"):
            x = tt.from_numpy(a)
        x[0] = 5
        self.assertEqual(a[0], 0)
        self.assertEqual(tt.tensor(a).tolist(), [0, 1, 2])  # without a warning

    def test_no_reference_is_lost_or_kept(self):
        a = np.arange(10.0)
        before = sys.getrefcount(a)
        for _ in range(100):
            x = tt.from_numpy(a)
            del x
        self.assertEqual(sys.getrefcount(a), before)


class WithDlpack(TestCase):
    def test_numpy_takes_ours(self):
        x = tt.arange(6).reshape(2, 3)
        a = np.from_dlpack(x.T)
        self.assertTrue(np.shares_memory(a, x.numpy()))
        self.same(a, np.arange(6).reshape(2, 3).T)
        del x
        gc.collect()
        tt.zeros(6, dtype=tt.int64)
        self.assertEqual(a.sum(), 15)
        self.assertEqual(tt.zeros(1).__dlpack_device__(), (1, 0))

    def test_ours_takes_numpys(self):
        a = np.arange(12.0).reshape(3, 4)[:, ::2]
        x = tt.from_dlpack(a)
        self.same(x, a)
        x[0, 0] = 9
        self.assertEqual(a[0, 0], 9)
        before = sys.getrefcount(a)
        y = tt.from_dlpack(a)
        self.assertGreater(sys.getrefcount(a), before)
        del y
        self.assertEqual(sys.getrefcount(a), before)

    def test_capsules(self):
        x = tt.ones(1000)
        capsule = x.__dlpack__()
        y = tt.from_dlpack(capsule)
        self.assertEqual(y.data_ptr(), x.data_ptr())
        with self.assertRaises(ValueError):
            tt.from_dlpack(capsule)  # used
        with self.assertRaises(ValueError):
            tt.from_dlpack(3)
        x.__dlpack__()  # never used: its own end
        self.assertEqual(y.sum().item(), 1000)
        with self.assertRaisesRegex(BufferError, "detach"):
            tt.ones(1, requires_grad=True).__dlpack__()

    def test_torch_both_ways(self):
        try:
            import torch
        except ImportError:
            self.skipTest("PyTorch is not installed")
        x = tt.arange(6).reshape(2, 3)
        t = torch.from_dlpack(x)
        t[1, 2] = 50
        self.assertEqual(x[1, 2].item(), 50)
        t = torch.arange(6.0).reshape(2, 3).t()
        y = tt.from_dlpack(t)
        self.assertEqual(y.data_ptr(), t.data_ptr())
        self.assertEqual(y.stride(), t.stride())
        y[0, 0] = -1
        self.assertEqual(t[0, 0].item(), -1)
        del t
        gc.collect()
        torch.zeros(6)
        self.close(y, [[-1, 3], [1, 4], [2, 5]])
        b = torch.ones(2, dtype=torch.bfloat16)
        self.assertEqual(tt.from_dlpack(b).dtype, tt.bfloat16)
        self.assertEqual(tt.tensor(torch.ones(2)).tolist(), [1, 1])  # a copy


class Threads(TestCase):
    def test_threads_share_parameters(self):
        """Forward and backward of several threads over the same leaves, beside plain Python."""
        w = tt.ones(64, 64, requires_grad=True)
        x = tt.ones(8, 64)
        rounds, errors = 20, []

        def work():
            try:
                for _ in range(rounds):
                    (x @ w).relu().sum().backward()
            except Exception as e:  # noqa: BLE001
                errors.append(e)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])
        self.close(w.grad, np.full((64, 64), 8.0 * 4 * rounds))

    def test_the_interpreter_is_free_during_a_kernel(self):
        x = tt.ones(1500, 1500)
        done = threading.Event()

        def work():
            with tt.no_grad():
                for _ in range(3):
                    x @ x
            done.set()

        ticks = 0
        thread = threading.Thread(target=work)
        switch = sys.getswitchinterval()
        thread.start()
        while not done.is_set():
            ticks += 1
        thread.join()
        self.assertGreater(ticks, 1000)  # held, it would be a handful
        self.assertEqual(sys.getswitchinterval(), switch)

    def test_a_hook_runs_python_inside_backward(self):
        w = tt.ones(3, requires_grad=True)
        seen = []
        w.register_hook(lambda g: seen.append(g.tolist()) or g * 2)
        other = threading.Thread(target=lambda: [tt.ones(3, requires_grad=True) * 2 for _ in "abc"])
        other.start()
        (w * 3).sum().backward()
        other.join()
        self.assertEqual(seen, [[3, 3, 3]])
        self.same(w.grad, np.full(3, 6, np.float32))

        def broken(g):
            raise KeyError("from the hook")

        v = tt.ones(3, requires_grad=True)
        v.register_hook(broken)
        with self.assertRaisesRegex(KeyError, "from the hook"):
            (v * 3).sum().backward()

    def test_products_in_bf16(self):
        self.assertEqual(tt.get_float32_matmul_precision(), "highest")
        x, w = tt.randn(64, 256), tt.randn(256, 64)
        exact = (x @ w).numpy()
        tt.set_float32_matmul_precision("medium")
        self.assertEqual(tt.get_float32_matmul_precision(), "medium")
        rounded = (x @ w).numpy()
        tt.set_float32_matmul_precision("high")
        self.assertEqual(abs((x @ w).numpy() - exact).max(), 0)
        self.assertLess(abs(rounded - exact).max(), 0.5)
        with self.assertRaisesRegex(ValueError, "'low'"):
            tt.set_float32_matmul_precision("low")

    def test_inference_mode(self):
        layer = tt.nn.Linear(256, 128)
        x = tt.randn(1, 256)
        exact = layer(x).detach()
        with tt.inference_mode():
            y = layer(x)
            self.assertFalse(y.requires_grad)
            self.assertFalse(tt.is_grad_enabled())
        self.assertTrue(tt.is_grad_enabled())
        self.same(y, exact)

        @tt.inference_mode(weights=tt.int8)
        def rounded():
            return layer(x)

        for _ in range(2):  # a decorated function enters anew at each call
            error = abs(rounded().numpy() - exact.numpy()).max()
            self.assertGreater(error, 0)
            self.assertLess(error, 0.05)
        with tt.inference_mode(False):
            self.assertTrue(layer(x).requires_grad)
        with self.assertRaisesRegex(ValueError, "int8"):
            with tt.inference_mode(weights=tt.float64):
                pass
        with self.assertRaises(ZeroDivisionError), tt.inference_mode():
            1 / 0
        self.assertTrue(tt.is_grad_enabled())

    def test_inference_mode_sees_what_numpy_writes(self):
        layer = tt.nn.Linear(256, 128)
        x = tt.randn(1, 256)
        with tt.inference_mode():
            layer(x)
        layer.weight.detach().numpy()[:] = 0
        with tt.inference_mode():
            self.same(layer(x)[0], layer.bias.detach())

    def test_number_of_threads(self):
        before = tt.get_num_threads()
        tt.set_num_threads(1)
        self.assertEqual(tt.get_num_threads(), 1)
        tt.set_num_threads(before)
        with self.assertRaisesRegex(ValueError, "0"):
            tt.set_num_threads(0)


if __name__ == "__main__":
    unittest.main()
