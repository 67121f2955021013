"""Module: parameters, buffers and children under their names; and what holds modules."""

from collections import OrderedDict, namedtuple

from .. import _C

Tensor = _C.Tensor


_assignments = [0]  # so far, of attributes of any module: who keeps what a forward does asks for it


class Parameter(Tensor):
    """A tensor that is a module's to learn: it shares the given tensor's memory as a leaf."""

    def __init__(self, data, requires_grad=True):
        super().__init__(data.detach())
        self.requires_grad = requires_grad

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()


LoadReport = namedtuple("LoadReport", "missing_keys unexpected_keys")


class Module:
    """A part of a network. A subclass assigns parameters and children in __init__ and has a forward.

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(784, 10)

            def forward(self, x):
                return self.fc(x.flatten(1))
    """

    def __init__(self):
        for name in ("_parameters", "_buffers", "_modules"):
            object.__setattr__(self, name, OrderedDict())
        object.__setattr__(self, "_hooks", [])
        object.__setattr__(self, "_not_saved", set())
        object.__setattr__(self, "training", True)

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no forward.")

    def __call__(self, *args, **kwargs):
        out = self.forward(*args, **kwargs)
        for hook in self._hooks:
            changed = hook(self, args, out)
            if changed is not None:
                out = changed
        return out

    # ---- names

    def __setattr__(self, name, value):
        _assignments[0] += 1
        own = self.__dict__
        if "_parameters" not in own:
            if isinstance(value, (Parameter, Module)):
                raise AttributeError(
                    f"{type(self).__name__}: call super().__init__() before assigning {name}."
                )
            object.__setattr__(self, name, value)
            return
        if isinstance(value, Parameter):
            self._forget(name, but=self._parameters)
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._forget(name, but=self._modules)
            self._modules[name] = value
        elif name in self._parameters:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a parameter; it takes a Parameter or None."
                )
            self._parameters[name] = None
        elif name in self._modules:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a module; it takes a Module or None."
                )
            self._modules[name] = None
        elif name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a buffer; it takes a tensor or None."
                )
            self._buffers[name] = value
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            known = self.__dict__.get(kind, {})
            if name in known:
                return known[name]
        raise AttributeError(f"{type(self).__name__} has no attribute '{name}'.")

    def __delattr__(self, name):
        _assignments[0] += 1
        if not self._forget(name):
            object.__delattr__(self, name)

    def _forget(self, name, but=None):
        """Wherever it is known, `but` for where its new value will take the old one's place."""
        found = [k for k in (self._parameters, self._buffers, self._modules) if name in k]
        for known in found:
            if known is not but:
                del known[name]
        self._not_saved.discard(name)
        self.__dict__.pop(name, None)
        return bool(found)

    def register_parameter(self, name, param):
        if param is None:
            _assignments[0] += 1
            self._forget(name, but=self._parameters)
            self._parameters[name] = None
        else:
            setattr(self, name, param)

    def register_buffer(self, name, tensor, persistent=True):
        _assignments[0] += 1
        self._forget(name)
        self._buffers[name] = tensor
        if not persistent:
            self._not_saved.add(name)

    def add_module(self, name, module):
        _check_module(name, module)
        if "." in name or not name:
            raise KeyError(f"'{name}' is no name for a part of a module.")
        setattr(self, name, module)

    register_module = add_module

    # ---- what is below

    def named_modules(self, prefix="", _seen=None):
        seen = set() if _seen is None else _seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(_join(prefix, name), seen)

    def modules(self):
        return (module for _, module in self.named_modules())

    def named_children(self):
        return ((name, m) for name, m in self._modules.items() if m is not None)

    def children(self):
        return (module for _, module in self.named_children())

    def named_parameters(self, prefix="", recurse=True):
        """Each parameter once, under the first path that leads to it."""
        seen = set()
        modules = self.named_modules(prefix) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, p in module._parameters.items():
                if p is not None and hash(p) not in seen:
                    seen.add(hash(p))
                    yield _join(path, name), p

    def parameters(self, recurse=True):
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix=""):
        for path, module in self.named_modules(prefix):
            for name, b in module._buffers.items():
                if b is not None:
                    yield _join(path, name), b

    def buffers(self):
        return (b for _, b in self.named_buffers())

    def apply(self, function):
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # ---- modes and conversions

    def train(self, mode=True):
        object.__setattr__(self, "training", mode)
        for child in self.children():
            child.train(mode)
        return self

    def eval(self):
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        for p in self.parameters():
            p.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none=True):
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad.detach().zero_()

    def to(self, *args, **kwargs):
        """Converts floating parameters and buffers, in place: to(tinytorch.float64)."""
        for t in [*self.parameters(), *self.buffers()]:
            if t.is_floating_point():
                grad, t.grad = t.grad, None
                t.data = t.detach().to(*args, **kwargs)
                if grad is not None:
                    t.grad = grad.detach().to(*args, **kwargs)
        return self

    def float(self):
        return self.to(_C.dtype.float32)

    def double(self):
        return self.to(_C.dtype.float64)

    def cpu(self):
        return self

    # ---- state

    def state_dict(self):
        """Parameters and buffers under all their names; the tensors share the module's memory."""
        state = OrderedDict()
        self._collect(state, "")
        return state

    def _collect(self, state, prefix):
        buffers = [(name, b) for name, b in self._buffers.items() if name not in self._not_saved]
        for name, t in [*self._parameters.items(), *buffers]:
            if t is not None:
                state[_join(prefix, name)] = t.detach()
        for name, child in self._modules.items():
            if child is not None:
                child._collect(state, _join(prefix, name))

    def load_state_dict(self, state_dict, strict=True):
        """Copies the values in (converting the dtype); nothing changes when they do not fit."""
        own = self.state_dict()
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        for name in own:
            if name in state_dict and tuple(state_dict[name].shape) != own[name].shape:
                raise _C.ShapeError(
                    f"load_state_dict: '{name}' is {list(state_dict[name].shape)} in the state and "
                    f"{list(own[name].shape)} in the model."
                )
        if strict and (missing or unexpected):
            raise _C.Error(
                f"load_state_dict: names differ. Missing: {missing or 'none'}. Unexpected: "
                f"{unexpected or 'none'}. Hint: strict=False takes what fits."
            )
        for name, t in own.items():
            if name in state_dict:
                value = state_dict[name]
                t.copy_(value if isinstance(value, Tensor) else _C.tensor(value))
        return LoadReport(missing, unexpected)

    def register_forward_hook(self, hook):
        """hook(module, args, output): a result that is not None replaces the output."""
        self._hooks.append(hook)
        return _Handle(self._hooks, hook)

    # ---- text

    def extra_repr(self):
        return ""

    def __repr__(self):
        lines = [self.extra_repr()] if self.extra_repr() else []
        for name, child in self.named_children():
            lines.append(f"({name}): " + repr(child).replace("\n", "\n  "))
        kind = type(self).__name__
        if len(lines) == bool(self.extra_repr()):
            return f"{kind}({''.join(lines)})"
        return f"{kind}(\n  " + "\n  ".join(lines) + "\n)"


def _check_module(name, module):
    if not isinstance(module, Module):
        raise TypeError(f"{name}: {type(module).__name__} is no Module.")


class _Handle:
    def __init__(self, hooks, hook):
        self._hooks, self._hook = hooks, hook

    def remove(self):
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def _join(path, name):
    return f"{path}.{name}" if path else name


class _Numbered(Module):
    """Children by number: their names are "0", "1", ... unless a dictionary gave others."""

    def _put(self, modules):
        self._modules.clear()
        self.extend(modules)

    def append(self, module):
        self.add_module(str(len(self._modules)), module)
        return self

    def extend(self, modules):
        for module in modules:
            self.append(module)
        return self

    def insert(self, index, module):
        _check_module(index, module)
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._put(modules)
        return self

    def _name(self, index):
        return list(self._modules)[index]

    def __setitem__(self, index, module):
        self.add_module(self._name(index), module)

    def __delitem__(self, index):
        names = self._name(index)
        for name in names if isinstance(index, slice) else [names]:
            del self._modules[name]
        if all(name.isdigit() for name in self._modules):
            self._put(list(self._modules.values()))

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())


class Sequential(_Numbered):
    """Runs its children one after the other.

    Linear or convolution with the activation behind it, convolution with ReLU and 2x2 pooling, and
    batch norm with ReLU run as one kernel, unless one of them has a hook or a forward of its own.
    """

    def __init__(self, *modules):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            self.extend(modules)

    def forward(self, x):
        children = list(self._modules.values())
        i = 0
        while i < len(children):
            fused, used = _fused(children, i, x)
            x = fused if used else children[i](x)
            i += max(used, 1)
        return x

    def __getitem__(self, i):
        items = list(self._modules.items())
        return Sequential(OrderedDict(items[i])) if isinstance(i, slice) else items[i][1]


def _as_defined(module):
    """Whether calling module runs this package's forward and nothing of the user's."""
    kind = type(module)
    defined_in = getattr(kind.forward, "__module__", None) or ""
    return (not module._hooks and "forward" not in module.__dict__
            and kind.__call__ is Module.__call__ and defined_in.startswith(__package__ + "."))


def _fused(children, i, x):
    """The output of children i, i + 1 (and i + 2) in one kernel, and how many they are; or (_, 0)."""
    first = children[i]
    run = getattr(first, "forward_fused", None)
    if run is None or i + 1 == len(children):
        return None, 0
    activation = getattr(children[i + 1], "fused_name", None)
    if activation not in first.fuses or not (_as_defined(first) and _as_defined(children[i + 1])):
        return None, 0
    if i + 2 < len(children) and first.pools(x, children[i + 2]) and _as_defined(children[i + 2]):
        return run(x, activation, pool=True), 3
    return run(x, activation), 2


class ModuleList(_Numbered):
    """Children by number, without a forward of their own."""

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)

    def __getitem__(self, i):
        modules = list(self._modules.values())
        return ModuleList(modules[i]) if isinstance(i, slice) else modules[i]


class ModuleDict(Module):
    """Children by name, without a forward of their own."""

    def __init__(self, modules=None):
        super().__init__()
        for name, module in (modules or {}).items():
            self.add_module(name, module)

    def __getitem__(self, name):
        return self._modules[name]

    def __setitem__(self, name, module):
        self.add_module(name, module)

    def __contains__(self, name):
        return name in self._modules

    def __iter__(self):
        return iter(self._modules)

    def __len__(self):
        return len(self._modules)

    def keys(self):
        return self._modules.keys()

    def values(self):
        return self._modules.values()

    def items(self):
        return self._modules.items()
