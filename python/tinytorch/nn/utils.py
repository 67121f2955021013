"""Clipping of gradients."""

from .. import _C


def _list(parameters):
    return [parameters] if isinstance(parameters, _C.Tensor) else list(parameters)


def clip_grad_norm_(parameters, max_norm):
    """Scales all gradients when their norm is above max_norm; gives the norm before, a tensor."""
    return _C.tensor(_C.optim.clip_grad_norm(_list(parameters), max_norm))


def clip_grad_value_(parameters, clip_value):
    _C.optim.clip_grad_value(_list(parameters), clip_value)
