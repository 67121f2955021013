"""Optimizers: the groups and their options are Python's, the steps are the library's."""

from collections import OrderedDict

from .. import _C


class Optimizer:
    """Changes parameters by their gradients.

    param_groups is a list of dictionaries as PyTorch's: a group's options may be changed between
    steps. A subclass names its state for state_dict() and makes the library's optimizer of a group.
    """

    # The library's names of state tensors, and PyTorch's.
    _state_names = {}

    def __init__(self, params, defaults):
        self.defaults = defaults
        self.param_groups = []
        self._natives = []  # for each group: the library's optimizer, and the options it was made of
        params = list(params)
        if not params:
            raise _C.ConfigError("an optimizer needs at least one parameter.")
        for group in params if isinstance(params[0], dict) else [{"params": params}]:
            self.add_param_group(group)

    def _make(self, parameters, options):
        raise NotImplementedError

    def add_param_group(self, group):
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr"}
        if unknown:
            raise _C.ConfigError(
                f"{type(self).__name__}: unknown options {sorted(unknown)}; there are "
                f"{sorted(self.defaults)}."
            )
        params = group["params"]
        params = [params] if isinstance(params, _C.Tensor) else list(params)
        known = {hash(p) for g in self.param_groups for p in g["params"]}
        if any(hash(p) in known for p in params):
            raise _C.ConfigError("an optimizer was given the same parameter twice.")
        group = {**self.defaults, **group, "params": params}
        self.param_groups.append(group)
        self._natives.append(None)
        self._native(len(self._natives) - 1)  # what does not fit is said here

    def _native(self, i):
        """The library's optimizer of group i, anew when its options have changed."""
        group = self.param_groups[i]
        options = {k: v for k, v in group.items() if k in self.defaults and k != "lr"}
        made = self._natives[i]
        if made is None or made[1] != options:
            native = self._make(group["params"], {**options, "lr": group["lr"]})
            if made is not None and any(made[0].steps()):
                native.load_state(made[0].state_tensors(), made[0].steps())
            made = self._natives[i] = (native, options)
        return made[0]

    def step(self, closure=None):
        loss = closure() if closure is not None else None
        for i, group in enumerate(self.param_groups):
            native = self._native(i)
            native.set_lr(group["lr"])
            native.step()
        return loss

    def zero_grad(self, set_to_none=True):
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.detach().zero_()

    # ---- state: PyTorch's form, parameters numbered through all groups

    def state_dict(self):
        state, groups, first = {}, [], 0
        for (native, _), group in zip(self._natives, self.param_groups):
            steps = native.steps()
            for i, step in enumerate(steps):
                if step:
                    state[first + i] = {"step": step}
            for name, tensor in native.state_tensors():
                kind, _, number = name.rpartition(".")
                own = state[first + int(number)]
                own[self._state_names.get(kind, kind)] = tensor.detach()
            numbers = list(range(first, first + len(steps)))
            groups.append({**{k: v for k, v in group.items() if k != "params"}, "params": numbers})
            first += len(steps)
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        saved = state_dict["param_groups"]
        sizes = [len(g["params"]) for g in saved]
        if sizes != [len(g["params"]) for g in self.param_groups]:
            raise _C.ConfigError(
                f"{type(self).__name__}.load_state_dict: the saved groups have {sizes} parameters, "
                f"these have {[len(g['params']) for g in self.param_groups]}."
            )
        for group, old in zip(self.param_groups, saved):
            group.update({k: v for k, v in old.items() if k in self.defaults or k == "initial_lr"})
        ours = {theirs: name for name, theirs in self._state_names.items()}
        for i, old in enumerate(saved):
            tensors, steps = [], []
            for place, number in enumerate(old["params"]):
                own = dict(state_dict["state"].get(number, {}))
                step = own.pop("step", 1 if own else 0)
                steps.append(int(step))
                for kind, value in own.items():
                    if value is not None:
                        value = value if isinstance(value, _C.Tensor) else _C.tensor(value)
                        tensors.append((f"{ours.get(kind, kind)}.{place}", value))
            self._natives[i] = None  # options may have come with the state
            if any(steps):
                self._native(i).load_state(tensors, steps)
            else:
                self._native(i)

    def __repr__(self):
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            options = OrderedDict((k, v) for k, v in sorted(group.items()) if k != "params")
            lines.append(f"  group {i}: " + ", ".join(f"{k}={v}" for k, v in options.items()))
        return "\n".join(lines) + "\n)"


class SGD(Optimizer):
    _state_names = {"momentum": "momentum_buffer"}

    def __init__(self, params, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay,
                                      nesterov=nesterov))

    def _make(self, parameters, o):
        return _C.optim.sgd(parameters, o["lr"], o["momentum"], o["weight_decay"], o["nesterov"])


class Adam(Optimizer):
    _decoupled = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=tuple(betas), eps=eps,
                                      weight_decay=weight_decay))

    def _make(self, parameters, o):
        return _C.optim.adam(parameters, o["lr"], *o["betas"], o["eps"], o["weight_decay"],
                             self._decoupled)


class AdamW(Adam):
    """Weight decay apart from the moments."""

    _decoupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)


class RMSprop(Optimizer):
    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0,
                 centered=False):
        super().__init__(params, dict(lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay,
                                      momentum=momentum, centered=centered))

    def _make(self, parameters, o):
        return _C.optim.rmsprop(parameters, o["lr"], o["alpha"], o["eps"], o["weight_decay"],
                                o["momentum"], o["centered"])


class Adagrad(Optimizer):
    def __init__(self, params, lr=1e-2, lr_decay=0.0, weight_decay=0.0,
                 initial_accumulator_value=0.0, eps=1e-10):
        super().__init__(params, dict(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
                                      initial_accumulator_value=initial_accumulator_value, eps=eps))

    def _make(self, parameters, o):
        return _C.optim.adagrad(parameters, o["lr"], o["lr_decay"], o["weight_decay"],
                                o["initial_accumulator_value"], o["eps"])


class Lion(Optimizer):
    """Chen et al. 2023; PyTorch has none."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=tuple(betas), weight_decay=weight_decay))

    def _make(self, parameters, o):
        return _C.optim.lion(parameters, o["lr"], *o["betas"], o["weight_decay"])
