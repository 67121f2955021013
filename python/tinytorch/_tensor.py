"""Methods of Tensor that are written in Python."""

from . import _C

Tensor = _C.Tensor


def is_tensor(x):
    return isinstance(x, Tensor)


def as_tensor(data, dtype=None):
    """A tensor over the data's own memory where that is possible, else a copy."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if hasattr(data, "__array_interface__"):
        import numpy

        if isinstance(data, numpy.ndarray) and data.flags.writeable:
            shared = _C.from_numpy(data)
            return shared if dtype is None else shared.to(dtype)
    return _C.tensor(data, dtype=dtype)


def _deepcopy(self, memo):
    """A leaf of the same values. (The result of an operation has no copy: its graph cannot be.)"""
    if not self.is_leaf:
        raise _C.GradError(
            "deepcopy: this tensor is the result of an operation. Hint: detach() it first."
        )
    # A Parameter's class makes a Parameter.
    copied = type(self)(self.detach().clone()).requires_grad_(self.requires_grad)
    if self.grad is not None:
        copied.grad = self.grad.detach().clone()
    memo[id(self)] = copied
    return copied


def _rebuild(cls, values, dtype, requires_grad):
    return cls(_C.tensor(values, dtype=dtype)).requires_grad_(requires_grad)


def _reduce(self):
    """For pickle and multiprocessing: the values as an array."""
    values = self.detach()
    if values.dtype == _C.dtype.bfloat16:
        values = values.float()  # an array of NumPy's has no bfloat16; nothing is lost
    return _rebuild, (type(self), values.numpy().copy(), self.dtype, self.requires_grad)


def _format(self, spec):
    """f"{loss:.4f}": one element as its number, anything else only without a format."""
    if self.dim() == 0 or (spec and self.numel() == 1):
        return format(self.item(), spec)
    return object.__format__(self, spec)


Tensor.__format__ = _format
Tensor.__deepcopy__ = _deepcopy
Tensor.__reduce__ = _reduce
