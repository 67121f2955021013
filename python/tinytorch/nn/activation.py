"""Activations as modules."""

from . import functional as F
from .module import Module

__all__ = [
    "ELU", "GELU", "Hardsigmoid", "Hardswish", "Identity", "LeakyReLU", "LogSoftmax", "Mish", "ReLU",
    "SELU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
]


def _activation(name, function, fused_name=None):
    """A class whose forward is one function of x."""
    body = {
        "__doc__": f"{name} of every element.",
        "__module__": __name__,
        "forward": lambda self, x: function(x),
        # How the layer before names it when it computes both at once.
        "fused_name": fused_name,
    }

    def __init__(self, inplace=False):  # `inplace` is accepted for programs that say it
        Module.__init__(self)

    return type(name, (Module,), {**body, "__init__": __init__})


ReLU = _activation("ReLU", F.relu, "relu")
SiLU = _activation("SiLU", F.silu)
Sigmoid = _activation("Sigmoid", F.sigmoid)
Tanh = _activation("Tanh", F.tanh)
SELU = _activation("SELU", F.selu)
Mish = _activation("Mish", F.mish)
Hardsigmoid = _activation("Hardsigmoid", F.hardsigmoid)
Hardswish = _activation("Hardswish", F.hardswish)


class LeakyReLU(Module):
    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x):
        return F.leaky_relu(x, self.negative_slope)


class ELU(Module):
    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha

    def forward(self, x):
        return F.elu(x, self.alpha)


class Softplus(Module):
    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x):
        return F.softplus(x, self.beta, self.threshold)


class Identity(Module):
    """x; takes any arguments."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, x):
        return x


class GELU(Module):
    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate
        self.fused_name = "gelu" if approximate == "none" else "gelu_tanh"

    def forward(self, x):
        return F.gelu(x, self.approximate)


class _OverDim(Module):
    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(_OverDim):
    def forward(self, x):
        return F.softmax(x, self.dim)


class LogSoftmax(_OverDim):
    def forward(self, x):
        return F.log_softmax(x, self.dim)
