"""Optimizers: groups, clipping, state, parameters that change."""

import unittest

from common import TestCase, tt

from tinytorch import nn, optim


class Optimizers(TestCase):
    def test_groups_options_and_state(self):
        a, b = (nn.Parameter(tt.ones(2)) for _ in "ab")
        optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.5, momentum=0.9)
        for p in (a, b):
            p.grad = tt.ones(2)
        optimizer.step()
        self.close(a, [0.5, 0.5])
        self.close(b, [0, 0])
        optimizer.param_groups[1]["lr"] = 0.0
        optimizer.param_groups[0]["weight_decay"] = 1.0
        optimizer.step()  # momentum 0.9 + 1 + decay 0.5 = 2.4 for a
        self.close(a, [0.5 - 0.5 * 2.4] * 2)
        self.close(b, [0, 0])
        state = optimizer.state_dict()
        self.close(state["state"][0]["momentum_buffer"], [2.4, 2.4])
        self.assertEqual(state["param_groups"][1]["params"], [1])
        with self.assertRaisesRegex(ValueError, "same parameter"):
            optimizer.add_param_group({"params": [a]})
        with self.assertRaisesRegex(ValueError, "unknown options.*beta"):
            optim.SGD([{"params": [a], "beta": 1}])
        with self.assertRaises(ValueError):
            optim.SGD([])

    def test_clipping(self):
        p = nn.Parameter(tt.zeros(2))
        p.grad = tt.tensor([3.0, 4])
        self.close(nn.utils.clip_grad_norm_([p], 1.0), 5.0)
        self.close(p.grad, [0.6, 0.8])
        nn.utils.clip_grad_value_([p], 0.7)
        self.close(p.grad, [0.6, 0.7])


class OptimizerState(TestCase):
    MAKE = [
        lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: optim.Adam(p, lr=0.1), lambda p: optim.AdamW(p, lr=0.1),
        lambda p: optim.RMSprop(p, lr=0.1), lambda p: optim.RMSprop(p, lr=0.1, momentum=0.9),
        lambda p: optim.RMSprop(p, lr=0.1, centered=True),
        lambda p: optim.RMSprop(p, lr=0.1, momentum=0.9, centered=True),
        lambda p: optim.Adagrad(p, lr=0.1), lambda p: optim.Lion(p, lr=0.1),
    ]

    def run_steps(self, optimizer, p, steps):
        for step in steps:
            optimizer.zero_grad()
            (p * p * (step + 1) - p).sum().backward()
            optimizer.step()

    def test_a_saved_state_goes_on_bit_for_bit(self):
        for make in self.MAKE:
            p = nn.Parameter(tt.arange(5.0))
            whole = make([p])
            self.run_steps(whole, p, range(3))
            q = nn.Parameter(p.detach().clone())
            resumed = make([q])
            resumed.load_state_dict(whole.state_dict())
            self.run_steps(whole, p, range(3, 6))
            self.run_steps(resumed, q, range(3, 6))
            self.same(q, p)

    def test_frozen_parameters_are_left_alone(self):
        for make in self.MAKE:
            p, frozen = nn.Parameter(tt.ones(2)), nn.Parameter(tt.ones(2), requires_grad=False)
            optimizer = make([frozen, p])
            self.run_steps(optimizer, p, range(2))
            self.same(frozen, tt.ones(2))
            self.assertNotEqual(p[0].item(), 1)

    def test_data_of_another_size_is_an_error(self):
        for make in self.MAKE:
            p = nn.Parameter(tt.ones(3))
            optimizer = make([p])
            self.run_steps(optimizer, p, range(1))
            p.data = tt.ones(50000)
            with self.assertRaisesRegex(tt.ShapeError, "parameter 0 is f32 .50000. now"):
                optimizer.step()


class Schedules(TestCase):
    def make(self):
        """An optimizer, and the schedules of which the second begins when the first has ended."""
        optimizer = optim.SGD([nn.Parameter(tt.ones(1))], lr=0.1)
        s = optim.lr_scheduler
        warm_up = s.LambdaLR(optimizer, lambda n: min(1, n / 2))
        return optimizer, warm_up, s.StepLR(optimizer, 1, 0.5)

    def rate(self, optimizer):
        return optimizer.param_groups[0]["lr"]

    def test_a_second_schedule_begins_from_the_rate_before_the_first(self):
        optimizer, warm_up, halves = self.make()
        self.assertEqual(self.rate(optimizer), 0)
        self.assertEqual(halves.base_lrs, [0.1])
        rates = []
        for schedule in (warm_up, warm_up, halves, halves):
            schedule.step()
            rates.append(self.rate(optimizer))
        self.assertEqual(rates, [0.05, 0.1, 0.05, 0.025])

    def test_a_rate_that_was_set_by_hand_is_gone_on_from(self):
        optimizer, _, halves = self.make()
        optimizer.param_groups[0]["lr"] = 3.0
        halves.step()
        self.assertEqual(self.rate(optimizer), 1.5)

    def test_saved_schedules_go_on(self):
        optimizer, warm_up, halves = self.make()
        for schedule in (warm_up, warm_up, halves):
            schedule.step()
        saved = [part.state_dict() for part in (optimizer, warm_up, halves)]
        # In any order with the optimizer's state; a lone schedule also without it.
        for order in ((0, 1, 2), (0, 2, 1), (2, 1, 0)):
            parts = self.make()
            for i in order:
                parts[i].load_state_dict(saved[i])
            self.assertEqual(self.rate(parts[0]), 0.05)
            parts[2].step()
            self.assertEqual(self.rate(parts[0]), 0.025)
        alone = optim.SGD([nn.Parameter(tt.ones(1))], lr=0.1)
        again = optim.lr_scheduler.StepLR(alone, 1, 0.5)
        again.load_state_dict(saved[2])
        self.assertEqual(self.rate(alone), 0.05)


if __name__ == "__main__":
    unittest.main()
