"""Serving a model by plans: the bits of the model itself, and all that must not be planned."""

import unittest
from concurrent.futures import ThreadPoolExecutor

from common import TestCase, tt

from tinytorch import nn


class InferenceSession(TestCase):
    def model(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.calls = []
                self.body = nn.Sequential(nn.Linear(70, 80), nn.GELU(), nn.Linear(80, 6))

            def forward(self, x):
                self.calls.append(1)
                return self.body(x) * 2 + x[:, :1]

        model = Net()
        model.eval()
        return model

    def agree(self, session, x, calls=4):
        for _ in range(calls):
            y, expected = session(x), session.model(x).detach()
            self.assertEqual(y.numpy().tobytes(), expected.numpy().tobytes())

    def test_plans_give_the_bits_of_the_model(self):
        model = self.model()
        session = nn.InferenceSession(model)
        for shape in ((1, 70), (9, 70)):
            for call in range(6):
                self.agree(session, tt.randn(*shape), 1)
                if call == 2:
                    model.calls.clear()
            self.assertEqual(len(model.calls), 3)  # ours, above: the session calls it no more
            x = tt.randn(*shape)
            self.assertIsInstance(session.plan(x), int)
        with tt.no_grad():
            model.body[0].weight.mul_(3)
        self.agree(session, x)
        model.body[2].bias.detach().numpy()[:] = 7  # no version tells of it
        self.agree(session, x)

    def test_changes_of_the_model_are_seen(self):
        model = self.model()
        model.register_buffer("shift", tt.zeros(6))
        model.scale = 2.0
        first = model.body

        def forward(x):
            return model.body(x) * model.scale + model.shift

        model.forward = forward
        session, x = nn.InferenceSession(model), tt.randn(2, 70)
        stack = tt.randn(2, 80, 70)

        def replace_parameter():
            model.body[0].weight = nn.Parameter(stack[0])

        def replace_data():
            model.body[0].weight.data = stack[1]

        def no_bias():
            model.body[2].bias = None

        def replace_child():
            model.body = nn.Sequential(first[0], nn.ReLU(), first[2])
            model.eval()

        def replace_buffer():
            model.shift = tt.ones(6)

        def replace_number():
            model.scale = 3.0

        def replace_forward():
            model.forward = lambda x: forward(x) + 1

        for change in (replace_parameter, replace_data, no_bias, replace_child, replace_buffer,
                       replace_number, replace_forward):
            self.agree(session, x, 5)
            self.assertIsInstance(session.plan(x), int, change.__name__)
            before = session(x).numpy().copy()
            change()
            self.assertNotEqual(before.tobytes(), model(x).detach().numpy().tobytes())
            self.agree(session, x, 5)

    def test_what_cannot_be_planned_is_called(self):
        model = self.model()
        session = nn.InferenceSession(model)
        x = tt.randn(2, 70)
        for _ in range(3):
            session(x)
        seen = []
        handle = model.body[1].register_forward_hook(lambda *args: seen.append(1))
        session(x)
        self.assertEqual(len(seen), 1)
        self.assertRegex(session.plan(x), "hook")
        handle.remove()
        model.train()
        model.calls.clear()
        session(x)
        self.assertEqual(len(model.calls), 1)

    def test_whatever_forward_decides_by_itself(self):
        table = tt.randn(9, 4)

        def clipped(x):
            y = x * 1
            y[y < 0] = 0
            return y

        def kept(x, cache=tt.zeros(4, 3), at=[0]):
            cache[at[0] % 4] = x[0]
            at[0] += 1
            return cache.sum(0)

        def assigns(net, x):
            net.times = getattr(net, "times", 0) + 1
            return x * net.times

        class Net(nn.Module):
            def __init__(self, body):
                super().__init__()
                self.body = [body]

            def forward(self, x):
                return self.body[0](x)

        other = "other code|number|neither"
        cases = {
            "number is read": lambda x: x * float(x.sum()),
            "memory": lambda x: tt.from_numpy(x.numpy() * 2) + 1,
            "random": lambda x: x[0] + tt.randn(3) * 0,
        }
        for why, body in cases.items():
            session = nn.InferenceSession(Net(body).eval())
            for _ in range(4):
                x = tt.randn(4, 3)
                self.same(session(x), body(x))
            self.assertRegex(session.plan(x), why)
        indexing = [
            lambda x: table[x.argmax(1)],
            lambda x: x[tt.arange(4), x.argmax(1)],
            lambda x: x[x > 0].sum(),
            lambda x: (x[x > 0] * 2),
            lambda x: tt.nonzero(x > 0),
            lambda x: x.sum() if x.max() > 0 else x.min(),
            lambda x: tt.tensor(x.tolist()) * 2,
            lambda x: tt.tensor(len(repr(x))) * x,
            clipped,
        ]
        # The plan is made with inputs that differ from all later ones in what is decided.
        for k, body in enumerate(indexing):
            session = nn.InferenceSession(Net(body).eval())
            for call in range(8):
                x = tt.ones(4, 3) if call < 4 else tt.randn(4, 3)
                self.assertEqual(session(x).tolist(), body(x).tolist(), f"{k} {call}")
            self.assertRegex(session.plan(x), other, k)
        session = nn.InferenceSession(Net(lambda x: x[tt.randperm(4)]).eval())
        orders = {str(session(tt.arange(4).float().reshape(4, 1)).tolist()) for _ in range(20)}
        self.assertGreater(len(orders), 1)
        session = nn.InferenceSession(Net(kept).eval())
        for call in range(6):
            self.assertEqual(session(tt.ones(1, 3)).tolist(), [min(call + 1, 4)] * 3)
        net = Net(lambda x: assigns(net, x)).eval()
        session = nn.InferenceSession(net)
        for call in range(6):
            self.assertEqual(session(tt.ones(2)).tolist(), [call + 1] * 2)
        self.assertRegex(session.plan(tt.ones(2)), "assigned")

    def test_errors_pass_through(self):
        session = nn.InferenceSession(self.model())
        x = tt.randn(1, 70)
        for _ in range(4):
            session(x)
            with self.assertRaisesRegex(tt.ShapeError, "does not fit"):
                session(tt.randn(1, 71))

    def test_threads_take_turns(self):
        model = self.model()
        session = nn.InferenceSession(model)
        inputs = [tt.randn(3, 70) for _ in range(8)]
        expected = [model(x).detach().numpy() for x in inputs]
        with ThreadPoolExecutor(4) as pool:
            for _ in range(20):
                for y, e in zip(pool.map(session, inputs), expected):
                    self.assertEqual(y.numpy().tobytes(), e.tobytes())


if __name__ == "__main__":
    unittest.main()
