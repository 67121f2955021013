"""Networks: alone, and against PyTorch where it is installed."""

import copy
import io
import os
import pickle
import tempfile
import unittest
import warnings
import weakref

import numpy as np
from common import TestCase, tt

from tinytorch import nn, optim
from tinytorch.nn import functional as F

try:
    import torch
except ImportError:
    torch = None
needs_torch = unittest.skipIf(torch is None, "PyTorch is not installed")


class Net(nn.Module):
    """What a user writes: children, a parameter of its own, a buffer, a shared weight."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
        self.norm = nn.LayerNorm(4)
        self.scale = nn.Parameter(tt.ones(1))
        self.register_buffer("shift", tt.zeros(4))
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, index, double=False):
        x = self.embed(index)
        for block in self.blocks:
            x = x + F.gelu(block(x))
        x = self.norm(x) * self.scale + self.shift
        return self.head(x) * (2 if double else 1)


class Modules(TestCase):
    def test_names_and_sharing(self):
        net = Net()
        self.assertEqual([n for n, _ in net.named_parameters()], [
            "scale", "embed.weight", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight",
            "blocks.1.bias", "norm.weight", "norm.bias"])
        self.assertEqual(len(list(net.parameters())), 8)
        self.assertIn("head.weight", net.state_dict())
        self.assertIn("shift", net.state_dict())
        self.assertIs(net.head.weight, net.embed.weight)
        index = tt.tensor([[1, 2], [3, 1]])
        self.close(net(index, double=True), net(index).detach().numpy() * 2)
        net(index).sum().backward()
        for name, p in net.named_parameters():
            self.assertIsNotNone(p.grad, name)
        net.zero_grad()
        self.assertTrue(all(p.grad is None for p in net.parameters()))
        self.assertIn("(0): Linear(in_features=4, out_features=4, bias=True)", repr(net))

    def test_modes(self):
        net = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Dropout(0.5)))
        x = tt.ones(4, 3)
        net.eval()
        self.assertFalse(net[1][0].training)
        self.same(net(x).detach(), net[0](x).detach())
        net.train()
        self.assertTrue(net[1][0].training)
        self.assertFalse(np.array_equal(net(x).detach().numpy(), net[0](x).detach().numpy()))
        net.double()
        self.assertEqual(net(x.double()).dtype, tt.float64)

    def test_state_goes_in_and_out_of_files(self):
        net, other = Net(), Net()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "net.safetensors")
            tt.save_file(net.state_dict(), path, {"epoch": "3"})
            self.assertEqual(tt.serialization.load_metadata(path), {"epoch": "3"})
            other.load_state_dict(tt.load(path))
            for name, value in net.state_dict().items():
                self.same(other.state_dict()[name], value)
            with self.assertRaises(OSError):
                tt.load_file(os.path.join(folder, "none"))
            with self.assertRaises(ValueError):
                tt.save(net, path)
        self.assertIs(other.head.weight, other.embed.weight)
        state = net.state_dict()
        del state["scale"]
        state["more"] = tt.ones(1)
        with self.assertRaisesRegex(RuntimeError, "scale.*more"):
            other.load_state_dict(state)
        report = other.load_state_dict(state, strict=False)
        self.assertEqual((report.missing_keys, report.unexpected_keys), (["scale"], ["more"]))
        with self.assertRaisesRegex(ValueError, "'shift' is .3. .* .4."):
            other.load_state_dict({**net.state_dict(), "shift": tt.ones(3)})

    def test_state_goes_in_and_out_of_open_files(self):
        net = Net()
        file = io.BytesIO(b"before")
        file.seek(6)
        tt.save(net.state_dict(), file)
        file.seek(6)
        loaded = tt.load(file)
        self.assertEqual(set(loaded), set(net.state_dict()))
        self.same(loaded["shift"], net.shift)
        with self.assertRaisesRegex(OSError, "the open file"):
            tt.load(io.BytesIO(b"12345678"))
        with tempfile.TemporaryFile() as file:
            tt.save_file({"x": tt.ones(2)}, file, {"epoch": "1"})
            file.seek(0)
            self.assertEqual(tt.serialization.load_metadata(file), {"epoch": "1"})

    def test_files_of_numpys(self):
        arrays = {"a": np.arange(6).reshape(2, 3).T, "b": np.float32([0.5])}
        with tempfile.TemporaryDirectory() as folder:
            npy, npz = (os.path.join(folder, name) for name in ("x.npy", "x.npz"))
            np.save(npy, arrays["a"])
            self.same(tt.load_npy(npy), arrays["a"])
            tt.save_npy(tt.tensor(arrays["b"]), npy)
            self.same(np.load(npy), arrays["b"])
            for compressed in (False, True):
                tensors = {name: tt.tensor(a) for name, a in arrays.items()}
                tt.save_npz(tensors, npz, compressed=compressed)
                for name, a in np.load(npz).items():
                    self.same(a, arrays[name])
                self.assertEqual(list(tt.load_npz(npz)), ["a", "b"])
                self.same(tt.load_npz(npz)["a"], arrays["a"])

    def test_sequential_fuses_without_changing_values(self):
        tt.manual_seed(1)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3),
            nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8), nn.GELU(),
            nn.Linear(8, 3))
        x = tt.randn(2, 1, 12, 12)
        plain = copy.deepcopy(net)
        for child in plain:
            child.register_forward_hook(lambda module, args, out: None)
        calls = []
        handle = plain[1].register_forward_hook(lambda module, args, out: calls.append(out.shape))
        a, b = net(x), plain(x)
        self.close(a, b)
        handle.remove()
        a.square().sum().backward()
        b.square().sum().backward()
        self.assertEqual(calls, [(2, 4, 12, 12)])
        for p, q in zip(net.parameters(), plain.parameters()):
            self.close(p.grad, q.grad, 1e-4)

    def test_sequential_runs_a_forward_of_the_users_own(self):
        def negated(kind):
            return type("Negated", (kind,), {"forward": lambda self, x: -kind.forward(self, x)})

        class Called(nn.ReLU):
            def __call__(self, x):
                return -super().__call__(x)

        assigned = nn.ReLU()
        assigned.forward = lambda x: -F.relu(x)
        rows, images = tt.randn(3, 4), tt.randn(2, 2, 6, 6)
        for layers, x in [
            ([nn.Linear(4, 3), negated(nn.ReLU)()], rows),
            ([nn.Linear(4, 3), negated(nn.GELU)()], rows),
            ([nn.Linear(4, 3), Called()], rows),
            ([nn.Linear(4, 3), assigned], rows),
            ([negated(nn.Linear)(4, 3), nn.ReLU()], rows),
            ([negated(nn.Conv2d)(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)], images),
            ([nn.Conv2d(2, 3, 3), nn.ReLU(), negated(nn.MaxPool2d)(2)], images),
            ([negated(nn.BatchNorm2d)(2), nn.ReLU()], images),
        ]:
            net = nn.Sequential(*layers).eval()
            single = x
            for layer in layers:
                single = layer(single)
            self.close(net(x), single, 1e-5)

    def test_a_seed_gives_the_weights_that_cpp_gives(self):
        tt.manual_seed(5)
        ours = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
        tt.manual_seed(5)
        native = nn.make_model("mlp", layers=[6, 5, 2])
        self.assertEqual([n for n, _ in native.named_parameters()],
                         [n for n, _ in ours.named_parameters()])
        for a, b in zip(ours.parameters(), native.parameters()):
            self.same(a.detach(), b.detach())

    def test_models_of_the_library_learn_and_change_as_any_other(self):
        tt.manual_seed(0)
        model = nn.make_model("gpt", n_layer=1, n_head=2, n_embd=16, block_size=8, vocab_size=11)
        tokens = tt.randint(0, 11, (2, 8))
        optimizer = optim.AdamW(model.parameters(), lr=1e-2)
        losses = []
        for _ in range(20):
            loss = F.cross_entropy(model(tokens).view(-1, 11), tokens.view(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        self.assertLess(losses[-1], losses[0] / 2)
        other = nn.make_model("gpt", n_layer=1, n_head=2, n_embd=16, block_size=8, vocab_size=11)
        other.load_state_dict(model.state_dict())
        self.same(other(tokens).detach(), model(tokens).detach())
        with self.assertRaisesRegex(ValueError, "layer_count.*n_layer"):
            nn.make_model("gpt", layer_count=3)

    def test_parts_are_replaced_and_taken_away(self):
        net = nn.Module()
        net.first, net.second = nn.Linear(2, 2), nn.Linear(2, 1)
        net.first = nn.Linear(2, 3)  # in the old one's place
        self.assertEqual([n for n, _ in net.named_children()], ["first", "second"])
        net.second = None
        self.assertIsNone(net.second)
        self.assertEqual(list(net.state_dict()), ["first.weight", "first.bias"])
        self.assertEqual(len(list(net.parameters())), 2)
        net.second = nn.Linear(3, 1)
        self.assertIn("second.weight", net.state_dict())
        del net.second
        self.assertFalse(hasattr(net, "second"))
        with self.assertRaisesRegex(TypeError, "first is a module"):
            net.first = 3
        net.register_buffer("shift", tt.zeros(1))
        with self.assertRaisesRegex(TypeError, "shift is a buffer"):
            net.shift = 3
        for change in (lambda m: delattr(m, "weight_ih_l0"),
                       lambda m: setattr(m, "weight_ih_l0", None),
                       lambda m: setattr(m, "weight_ih_l0", nn.Parameter(tt.ones(1)))):
            rnn = nn.RNN(2, 3)
            with self.assertRaisesRegex(ValueError, "RNN.weight_ih_l0.*cannot be replaced"):
                change(rnn)
            self.assertIn("weight_ih_l0", rnn.state_dict())
        gpt = nn.make_model("mlp", layers=[2, 3, 1])
        inner = next(m for m in gpt.modules() if m._parameters)
        with self.assertRaisesRegex(ValueError, "cannot be replaced"):
            del inner.weight

    def test_a_name_is_left_out_of_the_state_only_while_its_buffer_is(self):
        net = nn.Module()
        net.register_buffer("shift", tt.zeros(1), persistent=False)
        net.shift = tt.ones(1)
        self.assertEqual(list(net.state_dict()), [])
        net.register_buffer("shift", tt.zeros(1))
        self.assertEqual(list(net.state_dict()), ["shift"])
        net.register_buffer("shift", tt.zeros(1), persistent=False)
        del net.shift
        net.shift = nn.Parameter(tt.ones(1))
        self.assertEqual(list(net.state_dict()), ["shift"])
        net.register_buffer("scale", tt.zeros(1), persistent=False)
        net.scale = nn.Parameter(tt.ones(1))  # in the buffer's place
        self.assertEqual(list(net.state_dict()), ["shift", "scale"])

    def test_numbered_children_are_replaced_inserted_and_deleted(self):
        for kind in (nn.Sequential, nn.ModuleList):
            parts = [nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2)]
            net = kind(*parts) if kind is nn.Sequential else kind(parts)
            net[0] = first = nn.Identity() if hasattr(nn, "Identity") else nn.Flatten()
            self.assertEqual([id(m) for m in net], [id(m) for m in (first, *parts[1:])])
            net[-1] = last = nn.Tanh()
            self.assertIs(net[2], last)
            added = nn.Sigmoid()
            net.insert(1, added)
            self.assertEqual(list(net._modules), ["0", "1", "2", "3"])
            self.assertEqual([id(m) for m in net], [id(m) for m in (first, added, parts[1], last)])
            del net[0]
            self.assertEqual([id(m) for m in net], [id(m) for m in (added, parts[1], last)])
            self.assertEqual(list(net._modules), ["0", "1", "2"])
            net.extend([nn.ReLU()])
            del net[1:3]
            self.assertEqual(len(net), 2)
            with self.assertRaises(IndexError):
                net[5] = nn.ReLU()
            with self.assertRaisesRegex(TypeError, "no Module"):
                net.insert(0, 3)

    def test_modules_of_the_library_are_copied_and_pickled(self):
        class Named(nn.LSTM):
            pass

        x = tt.randn(5, 3, 4)
        tokens = tt.randint(0, 11, (2, 8))
        for module, run in [
            (nn.RNN(4, 6, nonlinearity="relu"), lambda m: m(x)[0]), (nn.GRU(4, 6), lambda m: m(x)[0]),
            (nn.LSTM(4, 6, num_layers=2, dropout=0.5).eval(), lambda m: m(x)[0]),
            (Named(4, 6), lambda m: m(x)[1][1]),
            (nn.MultiheadAttention(4, 2), lambda m: m(x, x, x)[0]),
            (nn.make_model("gpt", n_layer=1, n_head=2, n_embd=16, block_size=8, vocab_size=11),
             lambda m: m(tokens)),
            (nn.Sequential(nn.TransformerBlock(4, 2), nn.Linear(4, 1)), lambda m: m(x)),
            (nn.GRU(4, 6).double(), lambda m: m(x.double())[0]),
        ]:
            next(module.parameters()).requires_grad = False
            copies = [copy.deepcopy(module)]
            if type(module) is not Named:  # a class in a function has no pickle
                copies.append(pickle.loads(pickle.dumps(module)))
            for other in copies:
                self.same(run(other).detach(), run(module).detach())
                self.assertEqual(other.training, module.training)
                for p, q in zip(module.parameters(), other.parameters()):
                    self.assertNotEqual(p.data_ptr(), q.data_ptr())
                    self.assertEqual(p.requires_grad, q.requires_grad)
                with tt.no_grad():
                    list(other.parameters())[-1].add_(1)
                self.assertGreater((run(other) - run(module)).abs().max().item(), 0)

    def test_gradients_are_converted_with_their_parameters(self):
        net = nn.Linear(2, 1)
        net(tt.ones(1, 2)).sum().backward()
        net.double()
        self.assertEqual(net.weight.grad.dtype, tt.float64)
        net(tt.ones(1, 2).double()).sum().backward()
        self.same(net.weight.grad, np.full((1, 2), 2.0))

    def test_layers_that_cannot_be_are_refused(self):
        for make, text in [
            (lambda: nn.Conv1d(3, 4, 3, groups=2), "Conv1d: 3 and 4 channels.*2 groups"),
            (lambda: nn.Conv2d(4, 3, 3, groups=2), "Conv2d: 4 and 3 channels.*2 groups"),
            (lambda: nn.Conv2d(4, 4, 3, groups=0), "0 groups"),
            (lambda: nn.ConvTranspose1d(4, 3, 3, groups=2), "ConvTranspose1d"),
            (lambda: nn.ConvTranspose2d(3, 4, 3, groups=2), "ConvTranspose2d"),
            (lambda: nn.GroupNorm(3, 4), "GroupNorm: 4 channels.*3 groups"),
            (lambda: nn.Dropout(1.5), "p = 1.5"), (lambda: nn.Dropout(-0.1), "p = -0.1"),
        ]:
            with self.assertRaisesRegex(ValueError, text):
                make()

    def test_mistakes(self):
        with self.assertRaisesRegex(ValueError, "does not fit weight"):
            nn.Linear(3, 4)(tt.ones(2, 5))
        with self.assertRaisesRegex(IndexError, "label|class|target"):
            F.cross_entropy(tt.zeros(2, 3), tt.tensor([0, 3]))
        for index, classes, error, text in [
            ([0, 3], 3, IndexError, "class 3 .* 3 classes"), ([-1, 2], 3, IndexError, "class -1"),
            ([-1, 2], -1, IndexError, "class -1"), ([0], 0, IndexError, "class 0 .* 0 classes"),
            ([0.0, 1.5], 3, TypeError, "integers.*float32"), ([True], 2, TypeError, "bool"),
        ]:
            with self.assertRaisesRegex(error, text):
                F.one_hot(tt.tensor(index), classes)
        with self.assertRaisesRegex(ValueError, "num_classes"):
            F.one_hot(tt.zeros(0, dtype=tt.int64))
        self.assertEqual(F.one_hot(tt.zeros(0, dtype=tt.int64), 3).shape, (0, 3))
        for dtype in (tt.int64, tt.int32, tt.uint8):
            self.same(F.one_hot(tt.tensor([[0], [2]], dtype=dtype)), [[[1, 0, 0]], [[0, 0, 1]]])
        self.same(F.one_hot(tt.tensor(1)), [0, 1])
        with self.assertRaisesRegex(AttributeError, "super"):
            class Forgot(nn.Module):
                def __init__(self):
                    self.a = nn.Linear(1, 1)
            Forgot()
        with self.assertRaisesRegex(TypeError, "weight is a parameter"):
            nn.Linear(1, 1).weight = tt.ones(1, 1)
        with self.assertRaisesRegex(RuntimeError, "retain_graph"):
            loss = (tt.ones(2, requires_grad=True) ** 2).sum() if hasattr(tt.Tensor, "__pow__") \
                else tt.ones(2, requires_grad=True).square().sum()
            loss.backward()
            loss.backward()


class Starts(TestCase):
    def test_starting_values(self):
        tt.manual_seed(2)
        init, w = nn.init, tt.empty(60, 50)
        for start, deviation in [
            (lambda: init.kaiming_uniform_(w, nonlinearity="relu"), (2 / 50) ** 0.5),
            (lambda: init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"), 5 / 3 / 60**0.5),
            (lambda: init.xavier_uniform_(w, gain=2), 2 * (2 / 110) ** 0.5),
            (lambda: init.xavier_normal_(w), (2 / 110) ** 0.5),
            (lambda: init.uniform_(w, -1, 1), 1 / 3**0.5), (lambda: init.normal_(w, 3, 2), 2),
        ]:
            self.assertIs(start(), w)
            self.assertLess(abs(w.std().item() / deviation - 1), 0.05)
        self.close(init.orthogonal_(w).T @ w, np.eye(50), 1e-5)
        self.assertLessEqual(init.trunc_normal_(w, a=-0.5, b=0.5).abs().max().item(), 0.5)
        self.same(init.ones_(w), np.ones((60, 50), np.float32))
        with self.assertRaisesRegex(ValueError, "from 1 to 0"):
            init.uniform_(w, 1, 0)
        with self.assertRaisesRegex(ValueError, "std = -1"):
            init.normal_(w, 0, -1)
        for start in (init.uniform_, init.normal_):
            with self.assertRaisesRegex(TypeError, "i64"):
                start(tt.zeros(3, dtype=tt.int64))
        with self.assertRaisesRegex(ValueError, "fan_middle"):
            init.kaiming_normal_(w, mode="fan_middle")


class Autograd(TestCase):
    def test_grad(self):
        x = tt.tensor([1.0, 2], dtype=tt.float64, requires_grad=True)
        y = tt.tensor([3.0, 4], dtype=tt.float64, requires_grad=True)
        out = (x * x * y).sum()
        gx, gy = tt.autograd.grad(out, (x, y), create_graph=True)
        self.close(gx, [6, 16])
        self.close(gy, [1, 4])
        (gxx,) = tt.autograd.grad(gx.sum(), x)
        self.close(gxx, [6, 8])
        self.assertIsNone(x.grad)
        z = tt.ones(1, requires_grad=True)
        with self.assertRaisesRegex(RuntimeError, "allow_unused"):
            tt.autograd.grad((x * 2).sum(), [x, z])
        self.assertIsNone(tt.autograd.grad((x * 2).sum(), [x, z], allow_unused=True)[1])
        out = (x * y).sum()
        first = tt.autograd.grad(out, x, retain_graph=True)[0]
        self.same(tt.autograd.grad(out, x)[0], first)
        with self.assertRaisesRegex(RuntimeError, "retain_graph"):
            tt.autograd.grad(out, x)
        shared = x * x  # below both: its saved values serve twice
        tt.autograd.backward([shared.sum(), (shared * y).sum()])
        self.close(x.grad, [2 + 6, 4 + 16])
        x.grad = None
        (weighted,) = tt.autograd.grad(x * 2, x, grad_outputs=tt.tensor([1.0, 10]).double())
        self.close(weighted, [2, 20])

    def test_modes(self):
        x = tt.ones(1, requires_grad=True)
        with tt.no_grad():
            self.assertFalse((x * 2).requires_grad)
            with tt.enable_grad():
                self.assertTrue((x * 2).requires_grad)
            self.assertFalse(tt.is_grad_enabled())
        self.assertTrue((x * 2).requires_grad)

        @tt.no_grad()
        def inside():
            return (x * 2).requires_grad

        self.assertFalse(inside())
        with tt.set_grad_enabled(False):
            self.assertFalse(tt.is_grad_enabled())
        self.assertTrue(tt.is_grad_enabled())
        tt.set_grad_enabled(False)
        self.assertFalse(tt.is_grad_enabled())
        tt.set_grad_enabled(True)

        @tt.set_grad_enabled(False)
        def decorated():
            return (x * 2).requires_grad

        self.assertTrue(tt.is_grad_enabled())  # inside the function alone
        for _ in range(2):
            self.assertFalse(decorated())
            self.assertTrue(tt.is_grad_enabled())
        with tt.no_grad():
            @tt.set_grad_enabled(True)
            def recorded():
                return (x * 2).requires_grad

            self.assertFalse(tt.is_grad_enabled())
            self.assertTrue(recorded())
        self.assertTrue(tt.is_grad_enabled())
        with self.assertRaises(ZeroDivisionError), tt.no_grad():
            1 / 0
        self.assertTrue(tt.is_grad_enabled())

    def test_a_mode_lasts_through_a_generator(self):
        seen = []

        @tt.no_grad()
        def steps(n):
            """n numbers."""
            try:
                for i in range(n):
                    seen.append(tt.is_grad_enabled())
                    try:
                        seen.append((yield i))
                    except KeyError:
                        seen.append("error")
            finally:
                seen.append(tt.is_grad_enabled())
            return "end"

        def all_of(n):
            seen.append((yield from steps(n)))

        for _ in all_of(2):
            self.assertTrue(tt.is_grad_enabled())
        self.assertEqual(seen, [False, None, False, None, False, "end"])
        seen.clear()
        walk = steps(5)
        next(walk)
        walk.send("sent")
        walk.throw(KeyError())
        walk.close()
        self.assertEqual(seen, [False, "sent", False, "error", False, False])
        self.assertTrue(tt.is_grad_enabled())
        self.assertEqual(steps.__doc__, "n numbers.")

    def test_hooks_are_checked_and_removed(self):
        for result, error, text in [(tt.ones(5), ValueError, r"\[2\].*\[5\]"),
                                    (tt.ones(2).double(), ValueError, "f32.*f64"),
                                    (3, TypeError, "int")]:
            x = tt.ones(2, requires_grad=True)
            x.register_hook(lambda g, result=result: result)
            with self.assertRaisesRegex(error, text):
                (x * 2).sum().backward()
        x = tt.ones(2, requires_grad=True)
        first = x.register_hook(lambda g: g * 10)
        x.register_hook(lambda g: g + 1)
        (x * 2).sum().backward()
        self.assertEqual(x.grad.tolist(), [21, 21])
        first.remove()
        first.remove()
        x.grad = None
        (x * 2).sum().backward()
        self.assertEqual(x.grad.tolist(), [3, 3])

    def test_a_removed_hook_lets_its_function_go(self):
        class Owner:
            pass

        owner = Owner()
        ended = weakref.ref(owner)
        x = tt.ones(2, requires_grad=True)
        handle = x.register_hook(lambda g, x=x, owner=owner: None)
        del x, owner
        handle.remove()
        self.assertIsNone(ended())

    def test_a_long_chain_ends_without_recursion(self):
        x = tt.ones(1, requires_grad=True)
        y = x
        for _ in range(30000):
            y = y + 1
        y.backward()
        self.assertEqual(x.grad.item(), 1)
        del y


@needs_torch
class AgainstTorch(TestCase):
    """The same network here and there: weights move both ways, training gives the same numbers."""

    def pair(self):
        def build(n):
            return n.Sequential(
                # A bias in front of a norm has no gradient but noise, which Adam makes as large as any.
                n.Conv2d(2, 4, 3, padding=1, bias=False), n.BatchNorm2d(4), n.ReLU(), n.MaxPool2d(2),
                n.Flatten(), n.Linear(64, 16), n.Tanh(), n.LayerNorm(16), n.Linear(16, 5))

        return build(nn), build(torch.nn)

    def data(self):
        rng = np.random.default_rng(0)
        return (rng.standard_normal((12, 2, 8, 8)).astype(np.float32), rng.integers(0, 5, 12))

    def check_training(self, make, steps=4, schedule=None):
        ours, theirs = self.pair()
        ours.load_state_dict(theirs.state_dict())
        a, b = make(optim, ours), make(torch.optim, theirs)
        sa, sb = (schedule(optim, a), schedule(torch.optim, b)) if schedule else (None, None)
        x, y = self.data()
        for _ in range(steps):
            la = nn.CrossEntropyLoss(label_smoothing=0.1)(ours(tt.tensor(x)), tt.tensor(y))
            lb = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(theirs(torch.tensor(x)),
                                                               torch.tensor(y))
            a.zero_grad()
            b.zero_grad()
            la.backward()
            lb.backward()
            self.close(la, lb, 1e-4)
            for p, q in zip(ours.parameters(), theirs.parameters()):
                self.close(p.grad, q.grad, 1e-3)
            a.step()
            b.step()
            if sa:
                sa.step()
                sb.step()
                self.close(sa.get_last_lr(), sb.get_last_lr(), 1e-9)
        for name, value in theirs.state_dict().items():
            self.close(ours.state_dict()[name], value, 1e-3)
        # And back: PyTorch takes ours.
        theirs.load_state_dict({k: torch.from_dlpack(v) for k, v in ours.state_dict().items()})
        ours.eval()
        theirs.eval()
        self.close(ours(tt.tensor(x)), theirs(torch.tensor(x)), 1e-4)
        return a, b

    def test_sgd_and_steps(self):
        self.check_training(
            lambda o, m: o.SGD(m.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3,
                               nesterov=True),
            schedule=lambda o, x: o.lr_scheduler.StepLR(x, 2, gamma=0.5))

    def test_adamw_with_groups_and_a_cosine(self):
        def make(o, m):
            p = list(m.parameters())
            return o.AdamW([{"params": p[:4], "weight_decay": 0.0}, {"params": p[4:], "lr": 3e-3}],
                           lr=1e-3)

        self.check_training(make, schedule=lambda o, x: o.lr_scheduler.CosineAnnealingLR(x, 10))

    def test_rmsprop_and_adagrad(self):
        self.check_training(lambda o, m: o.RMSprop(m.parameters(), lr=1e-3, momentum=0.5,
                                                   centered=True), steps=2)
        self.check_training(lambda o, m: o.Adagrad(m.parameters(), lr=1e-2, lr_decay=0.1), steps=2)

    def test_the_state_of_an_optimizer_moves_both_ways(self):
        a, b = self.check_training(lambda o, m: o.Adam(m.parameters(), lr=1e-3), steps=2)
        state = a.state_dict()
        for i, theirs in b.state_dict()["state"].items():
            self.assertEqual(state["state"][i]["step"], int(theirs["step"]))
            self.close(state["state"][i]["exp_avg"], theirs["exp_avg"], 1e-3)
        a.load_state_dict(b.state_dict())
        for i, theirs in b.state_dict()["state"].items():
            self.close(a.state_dict()["state"][i]["exp_avg_sq"], theirs["exp_avg_sq"], 1e-7)

    def test_schedules(self):
        for make in [
            lambda s, o: s.MultiStepLR(o, [2, 5], gamma=0.3), lambda s, o: s.ExponentialLR(o, 0.9),
            lambda s, o: s.OneCycleLR(o, 0.2, total_steps=9),
            lambda s, o: s.LambdaLR(o, lambda n: 1 / (1 + n)),
        ]:
            p, q = nn.Parameter(tt.ones(1)), torch.nn.Parameter(torch.ones(1))
            a, b = optim.SGD([p], lr=0.1), torch.optim.SGD([q], lr=0.1, momentum=0.9)
            sa, sb = make(optim.lr_scheduler, a), make(torch.optim.lr_scheduler, b)
            for _ in range(8):
                self.close(a.param_groups[0]["lr"], b.param_groups[0]["lr"], 1e-9)
                b.step()
                sa.step()
                sb.step()
        a, b = optim.SGD([p], lr=0.1), torch.optim.SGD([q], lr=0.1)
        sa = optim.lr_scheduler.ReduceLROnPlateau(a, patience=1)
        sb = torch.optim.lr_scheduler.ReduceLROnPlateau(b, patience=1)
        for loss in [3, 2, 2.5, 2.4, 2.3, 1, 1, 1, 1]:
            sa.step(loss)
            sb.step(loss)
            self.close(a.param_groups[0]["lr"], b.param_groups[0]["lr"], 1e-9)

    def test_several_schedules_of_one_optimizer(self):
        def warm_up(s, o):
            return s.LambdaLR(o, lambda n: min(1, n / 5))

        def cosine(s, o):
            return s.CosineAnnealingLR(o, 10)

        def above(s, o):
            return s.CosineAnnealingLR(o, 10, eta_min=0.01)

        def plateau(s, o):
            return s.ReduceLROnPlateau(o, patience=1)

        def halves(s, o):
            return s.StepLR(o, 2, gamma=0.5)

        def falling(s, o):
            return s.ExponentialLR(o, 0.9)

        def miles(s, o):
            return s.MultiStepLR(o, [2, 5], gamma=0.3)

        def cycle(s, o):
            return s.OneCycleLR(o, 0.2, total_steps=20)

        # Which of the schedules goes on at each step.
        in_turn, together, crossed = "0" * 5 + "1" * 10, "01" * 9, "0110100110"
        for first, second, turns in [
            (warm_up, cosine, in_turn), (warm_up, above, in_turn), (warm_up, halves, in_turn),
            (warm_up, plateau, in_turn), (cycle, falling, in_turn), (cosine, warm_up, in_turn),
            (halves, falling, together), (above, miles, together), (miles, above, crossed),
            (cosine, halves, together), (warm_up, falling, together), (falling, plateau, together),
            (plateau, above, crossed), (falling, cycle, crossed),
        ]:
            rates, bases = [], []
            for lib, param in ((optim, nn.Parameter(tt.ones(1))),
                               (torch.optim, torch.nn.Parameter(torch.ones(1)))):
                optimizer = lib.SGD([param], lr=0.1, momentum=0.9)
                schedules = [make(lib.lr_scheduler, optimizer) for make in (first, second)]
                seen = [optimizer.param_groups[0]["lr"]]
                for turn in turns:
                    optimizer.step()
                    schedule = schedules[int(turn)]
                    schedule.step(*[1.0] * (type(schedule).__name__ == "ReduceLROnPlateau"))
                    seen.append(optimizer.param_groups[0]["lr"])
                rates.append(seen)
                bases.append(optimizer.param_groups[0].get("initial_lr"))
            name = f"{first.__name__}, {second.__name__}"
            np.testing.assert_allclose(rates[0], rates[1], rtol=1e-9, atol=1e-17, err_msg=name)
            self.assertEqual(bases[0], bases[1], name)

    def test_functional(self):
        rng = np.random.default_rng(1)
        x = rng.standard_normal((2, 4, 6, 6)).astype(np.float32)
        w = rng.standard_normal((6, 2, 3, 3)).astype(np.float32)
        T = torch.nn.functional
        ours, theirs = tt.tensor(x), torch.tensor(x)
        for f in [
            lambda n, t, m: n.conv2d(t, m(w), stride=(2, 1), padding=1, groups=2),
            lambda n, t, m: n.max_pool2d(t, 3, stride=2, padding=1),
            lambda n, t, m: n.avg_pool2d(t, (2, 3), count_include_pad=False),
            lambda n, t, m: n.adaptive_avg_pool2d(t, (2, 3)),
            lambda n, t, m: n.pad(t, (1, -1, 0, 2), value=0.5),
            lambda n, t, m: n.gelu(t, approximate="tanh"),
            lambda n, t, m: n.silu(t),
            lambda n, t, m: n.layer_norm(t, (6, 6)),
            lambda n, t, m: n.log_softmax(t, dim=1),
            lambda n, t, m: n.mse_loss(t, t * 2, reduction="none"),
            lambda n, t, m: n.cross_entropy(t, m(np.ones((2, 6, 6), np.int64)), reduction="sum"),
            lambda n, t, m: n.one_hot(m(np.array([0, 2, 1])), 4),
            lambda n, t, m: n.batch_norm(t, None, None, training=True),
            lambda n, t, m: n.group_norm(t, 2),
            lambda n, t, m: n.interpolate(t, scale_factor=2.0, mode="bilinear", align_corners=False),
            lambda n, t, m: n.interpolate(t, size=(4, 9)),
            lambda n, t, m: n.conv_transpose2d(t, m(w[:4]), stride=2, output_padding=1),
            lambda n, t, m: n.conv1d(t[0], m(w[:, :, 0].repeat(3, 1)), padding=2),
            lambda n, t, m: n.leaky_relu(t, 0.2),
            lambda n, t, m: n.elu(t, 0.5),
            lambda n, t, m: n.softplus(t, beta=2),
            lambda n, t, m: n.mish(t),
            lambda n, t, m: n.hardswish(t),
            lambda n, t, m: n.smooth_l1_loss(t, t * 0.5, beta=0.3),
            lambda n, t, m: n.l1_loss(t, t * 0.5, reduction="sum"),
            lambda n, t, m: n.binary_cross_entropy_with_logits(t, t.sigmoid(), pos_weight=m(w[0, 0, 0, :1])),
            lambda n, t, m: n.kl_div(t.log_softmax(1), t.softmax(1), reduction="batchmean"),
            lambda n, t, m: n.nll_loss(t.log_softmax(1), m(np.ones((2, 6, 6), np.int64))),
            lambda n, t, m: n.cross_entropy(t, t.softmax(1), weight=m(np.float32([1, 2, 3, 4]))),
        ]:
            self.close(f(F, ours, tt.tensor), f(T, theirs, torch.tensor), 1e-4)


    def test_convolutions_of_one_sample_and_of_the_same_size(self):
        x = np.random.default_rng(5).standard_normal((2, 3, 9, 10)).astype(np.float32)
        for kind, data, options in [
            ("Conv2d", x, dict(kernel_size=(4, 3), padding="same", dilation=(1, 2))),
            ("Conv2d", x, dict(kernel_size=3, padding="same")),
            ("Conv2d", x[0], dict(kernel_size=2, padding="same")),
            ("Conv2d", x[0], dict(kernel_size=3, padding="valid", stride=2)),
            ("Conv1d", x[0], dict(kernel_size=4, padding="same")),
            ("Conv1d", x[0], dict(kernel_size=3, padding="same", dilation=2)),
            ("Conv1d", x[0, 0], dict(kernel_size=3, padding=1, stride=2)),
        ]:
            inputs = data.shape[-3 if kind == "Conv2d" else -2]
            with self.subTest(kind=kind, **options):
                theirs, ours = (getattr(n, kind)(inputs, 4, **options) for n in (torch.nn, nn))
                ours.load_state_dict(theirs.state_dict())
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # PyTorch's about a copy
                    expected = theirs(torch.tensor(data))
                self.close(ours(tt.tensor(data)), expected, 1e-4)
        net = nn.Sequential(nn.Conv2d(3, 4, 2, padding="same"), nn.ReLU(), nn.MaxPool2d(2))
        self.assertEqual(net(tt.tensor(x)).shape, (2, 4, 4, 5))
        for options, text in [(dict(stride=2, padding="same"), "stride="),
                              (dict(padding="some"), "'some'")]:
            with self.assertRaisesRegex(ValueError, text):
                nn.Conv2d(3, 4, 3, **options)


@needs_torch
class Sequences(TestCase):
    def test_batch_norm_1d(self):
        for shape in [(6, 3), (4, 3, 5)]:
            x = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
            ours, theirs = nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
            self.close(ours(tt.tensor(x)), theirs(torch.tensor(x)), 1e-4)
            for name, value in theirs.state_dict().items():
                self.close(ours.state_dict()[name], value, 1e-5)
        with self.assertRaisesRegex(ValueError, "BatchNorm1d"):
            ours(tt.zeros(1, 3, 2, 2))

    def test_recurrent_layers(self):
        x = np.random.default_rng(2).standard_normal((5, 3, 4)).astype(np.float32)
        for kind in ("RNN", "GRU", "LSTM"):
            options = dict(num_layers=2, bidirectional=True, batch_first=kind == "GRU")
            theirs = getattr(torch.nn, kind)(4, 6, **options)
            ours = getattr(nn, kind)(4, 6, **options)
            ours.load_state_dict(theirs.state_dict())
            a, b = ours(tt.tensor(x)), theirs(torch.tensor(x))
            self.close(a[0], b[0])
            if kind == "LSTM":
                self.close(a[1][1], b[1][1])
                a, b = ours(tt.tensor(x), a[1]), theirs(torch.tensor(x), b[1])
            else:
                self.close(a[1], b[1])
            a[0].square().sum().backward()
            b[0].square().sum().backward()
            for name, p in theirs.named_parameters():
                self.close(dict(ours.named_parameters())[name].grad, p.grad, 1e-4)

    def test_multihead_attention(self):
        x = np.random.default_rng(3).standard_normal((2, 5, 8)).astype(np.float32)
        theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        ours = nn.MultiheadAttention(8, 2, batch_first=True)
        ours.load_state_dict(theirs.state_dict())
        mask = np.triu(np.ones((5, 5), bool), 1)
        a, weights = ours(*[tt.tensor(x)] * 3, attn_mask=tt.tensor(mask))
        b, _ = theirs(*[torch.tensor(x)] * 3, attn_mask=torch.tensor(mask))
        self.assertIsNone(weights)
        self.close(a, b)


if __name__ == "__main__":
    unittest.main()
