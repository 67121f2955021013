"""Layers and models that are put together in C++; their parameters are the same tensors."""

from .. import _C
from .module import Module, Parameter

__all__ = [
    "GRU", "LSTM", "RNN", "CausalSelfAttention", "MultiheadAttention", "TransformerBlock",
    "make_model", "model_names",
]


class _Shared(Parameter):
    """A parameter that is the C++ module's own tensor."""

    def __init__(self, tensor):
        _C.Tensor.__init__(self, tensor)


class _Fixed(Module):
    """What holds the library's own tensors: they are not replaced and not taken away."""

    def __setattr__(self, name, value):
        if isinstance(value, (Parameter, Module)) or self._holds(name):
            self._refuse(name)
        super().__setattr__(name, value)

    def __delattr__(self, name):
        if self._holds(name):
            self._refuse(name)
        super().__delattr__(name)

    def _holds(self, name):
        kinds = ("_parameters", "_buffers", "_modules")
        return any(name in self.__dict__.get(kind, ()) for kind in kinds)

    def _refuse(self, name):
        raise _C.ConfigError(
            f"{type(self).__name__}.{name}: the parts of this module are the library's and "
            "cannot be replaced or taken away. Hint: copy values in (load_state_dict)."
        )


class Native(_Fixed):
    """A module of the library's under Python's: names, modes and state work as anywhere.

    `make` makes it of the sizes: a function here, or the name of one in _C.modules.
    """

    def __init__(self, make, *sizes):
        super().__init__()
        native = (getattr(_C.modules, make) if isinstance(make, str) else make)(*sizes)
        object.__setattr__(self, "_native", native)
        object.__setattr__(self, "_made", (make, sizes))
        for path, tensor in native.named_parameters():
            owner, name = self._part(path)
            owner._parameters[name] = _Shared(tensor)
        for path, tensor in native.named_buffers():
            owner, name = self._part(path)
            owner._buffers[name] = tensor
        own = {hash(p): p for p in self.parameters()}
        for path, tensor in native.state_dict():  # the second names of shared tensors
            owner, name = self._part(path)
            if name not in owner._parameters and name not in owner._buffers:
                owner._parameters[name] = own[hash(tensor)]

    def _part(self, path):
        """The part that holds the tensor of this path, made where it is missing; and its name."""
        *folders, name = path.split(".")
        part = self
        for folder in folders:
            if folder not in part._modules:
                part._modules[folder] = _Part()
            part = part._modules[folder]
        return part, name

    def forward(self, x):
        return self._native.forward(x)

    def train(self, mode=True):
        self._native.train(mode)
        return super().train(mode)

    # For copy and pickle: made again, and then given the values.

    def __reduce__(self):
        own = {k: v for k, v in self.__dict__.items() if k not in _NOT_COPIED}
        tensors = [*self.named_parameters(), *self.named_buffers()]
        values = {name: (t.detach(), t.requires_grad) for name, t in tensors}
        return _make_again, (type(self), *self._made), (own, values)

    def __setstate__(self, state):
        own, values = state
        self.__dict__.update(own)
        for name, t in [*self.named_parameters(), *self.named_buffers()]:
            t.data, t.requires_grad = values[name]
        self.train(self.training)


_NOT_COPIED = ("_parameters", "_buffers", "_modules", "_native", "_made")


def _make_again(kind, make, sizes):
    module = kind.__new__(kind)
    Native.__init__(module, make, *sizes)
    return module


class _Part(_Fixed):
    """A place for parameters inside a Native; only the whole runs."""

    def __repr__(self):
        return f"parts: {', '.join([*self._parameters, *self._modules])}"


class CausalSelfAttention(Native):
    """Multi-head self-attention over (b, t, c) with causal mask."""

    def __init__(self, features, heads, bias=True, dropout=0.0):
        super().__init__("causal_self_attention", features, heads, bias, dropout)


class TransformerBlock(Native):
    """x + attention(norm(x)), then x + feed-forward(norm(x)): the pre-norm block of GPT-2."""

    def __init__(self, features, heads, bias=True, dropout=0.0):
        super().__init__("transformer_block", features, heads, bias, dropout)


class _Recurrent(Native):
    """Over sequences (t, n, input), or (n, t, input) with batch_first: output and last state."""

    _kind = "RNN"

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, nonlinearity="tanh"):
        super().__init__("recurrent", self._kind, input_size, hidden_size, num_layers, bias, batch_first,
                         dropout, bidirectional, nonlinearity)

    def forward(self, x, h=None):
        output, h, _ = _C.modules.run_recurrent(self._native, x, h, None)
        return output, h


class RNN(_Recurrent):
    pass


class GRU(_Recurrent):
    _kind = "GRU"


class LSTM(_Recurrent):
    _kind = "LSTM"

    def forward(self, x, state=None):
        h, c = state if state is not None else (None, None)
        output, h, c = _C.modules.run_recurrent(self._native, x, h, c)
        return output, (h, c)


class MultiheadAttention(Native):
    """Attention with several heads. Gives (output, None): the average weights are not kept."""

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, batch_first=False):
        super().__init__("multihead_attention", embed_dim, num_heads, dropout, bias, batch_first)

    def forward(self, query, key, value, key_padding_mask=None, need_weights=False, attn_mask=None):
        if need_weights:
            raise _C.NotImplemented("MultiheadAttention: need_weights is missing.")
        return _C.modules.attend(self._native, query, key, value, key_padding_mask, attn_mask), None


def make_model(name, **sizes):
    """One of model_names(): make_model("mlp", layers=[64, 32, 10]), make_model("gpt", n_layer=2)."""
    return Native(_of_spec, name, sizes)


def _of_spec(name, sizes):
    spec = _C.modules.ModelSpec()
    spec.name = name
    for key, value in sizes.items():
        if not hasattr(spec, key):
            known = [k for k in dir(spec) if not k.startswith("_") and k != "name"]
            raise _C.ConfigError(f"make_model: unknown size '{key}'. Known: {', '.join(known)}.")
        setattr(spec, key, value)
    return _C.modules.make_model(spec)


model_names = _C.modules.model_names
