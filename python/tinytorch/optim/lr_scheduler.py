"""Schedules: step() after each optimizer step (or epoch), as in PyTorch. The library has the
formulas; the last step taken is all that a schedule remembers."""

from .. import _C


class LRScheduler:
    """Sets each group's lr from the rate it began with and the number of calls of step().

    The rate that a group began with is its "initial_lr", whichever schedules came before. When
    something else has changed the rate, such as another schedule, a step changes it by as much as
    it would have changed its own.
    """

    _floor = 0.0  # what lies above it is multiplied where schedules come together
    _absolute = False  # or a step sets the rate, whatever it was

    def __init__(self, optimizer, **options):
        self.optimizer = optimizer
        self.last_epoch = 0
        self._schedule = _C.optim.Schedule()
        for name, value in options.items():
            setattr(self._schedule, name, value)
        self._schedule.check()
        self.base_lrs = [self._base(group) for group in optimizer.param_groups]
        self._alone = self.base_lrs  # the rates where no other schedule had a say
        self._go_on()

    def _base(self, group):
        return group.setdefault("initial_lr", group["lr"])

    def _rate(self, base):
        return self._schedule.lr_at(base, self.last_epoch + 1)

    def _go_on(self):
        before, self._alone = self._alone, [self._rate(base) for base in self.base_lrs]
        for group, old, new in zip(self.optimizer.param_groups, before, self._alone):
            lr, floor = group["lr"], self._floor
            if self._absolute or lr == old or old == floor:
                group["lr"] = new
            else:
                group["lr"] = floor + (lr - floor) * ((new - floor) / (old - floor))

    def step(self):
        self.last_epoch += 1
        self._go_on()

    def get_last_lr(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state):
        self.last_epoch, self.base_lrs = state["last_epoch"], list(state["base_lrs"])
        before, self._alone = self._alone, [self._rate(base) for base in self.base_lrs]
        for group, old, new in zip(self.optimizer.param_groups, before, self._alone):
            if group["lr"] == old:  # else it came with the optimizer's state
                group["lr"] = new


class StepLR(LRScheduler):
    def __init__(self, optimizer, step_size, gamma=0.1):
        super().__init__(optimizer, name="step", step_size=step_size, gamma=gamma)


class MultiStepLR(LRScheduler):
    def __init__(self, optimizer, milestones, gamma=0.1):
        super().__init__(optimizer, name="multi_step", milestones=list(milestones), gamma=gamma)


class ExponentialLR(LRScheduler):
    def __init__(self, optimizer, gamma):
        super().__init__(optimizer, name="exponential", gamma=gamma)


class CosineAnnealingLR(LRScheduler):
    """From the first rate to eta_min in T_max steps, and then there (PyTorch's goes up again)."""

    def __init__(self, optimizer, T_max, eta_min=0.0, warmup_steps=0):
        self._floor = eta_min
        super().__init__(optimizer, name="cosine", total_steps=T_max + warmup_steps, min_lr=eta_min,
                         warmup_steps=warmup_steps)


class OneCycleLR(LRScheduler):
    """Up to max_lr and down again along cosines, in total_steps (momentum stays as it is)."""

    _absolute = True

    def __init__(self, optimizer, max_lr, total_steps, pct_start=0.3, div_factor=25.0,
                 final_div_factor=1e4):
        self._max_lr = max_lr
        super().__init__(optimizer, name="one_cycle", total_steps=total_steps, pct_start=pct_start,
                         div_factor=div_factor, final_div_factor=final_div_factor)

    def _base(self, group):
        group["initial_lr"] = self._max_lr / self._schedule.div_factor  # as PyTorch's
        return self._max_lr


class LambdaLR(LRScheduler):
    """The first rate times lr_lambda(number of steps so far)."""

    _absolute = True

    def __init__(self, optimizer, lr_lambda):
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def _rate(self, base):
        return base * self.lr_lambda(self.last_epoch)


class ReduceLROnPlateau(LRScheduler):
    """step(loss): the rate falls by `factor` after `patience` losses in a row that were no better."""

    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self._plateau = _C.optim.PlateauState()
        super().__init__(optimizer, name="plateau", gamma=factor, patience=patience, min_lr=min_lr)

    def _rate(self, base):
        return self._schedule.lr_at(base, self.last_epoch + 1, self._plateau)

    def step(self, loss):
        self._schedule.observe(float(loss), self._plateau)
        super().step()

    def state_dict(self):
        p = self._plateau
        return {**super().state_dict(), "evaluations": p.evaluations, "best": p.best,
                "stale": p.stale, "scale": p.scale}

    def load_state_dict(self, state):
        for name in ("evaluations", "best", "stale", "scale"):
            setattr(self._plateau, name, state[name])
        super().load_state_dict(state)
