"""Starting values, in place: each is drawn by the library, with the default generator."""

import math

from .. import _C


def uniform_(tensor, a=0.0, b=1.0):
    _C.nn.init.uniform_(tensor, a, b)
    return tensor


def normal_(tensor, mean=0.0, std=1.0):
    _C.nn.init.normal_(tensor, mean, std)
    return tensor


def constant_(tensor, val):
    _C.nn.init.constant_(tensor, val)
    return tensor


def zeros_(tensor):
    return constant_(tensor, 0)


def ones_(tensor):
    return constant_(tensor, 1)


def calculate_gain(nonlinearity, param=None):
    """What a layer multiplies its starting values by, for the activation behind it."""
    if nonlinearity == "relu":
        return math.sqrt(2)
    if nonlinearity == "tanh":
        return 5 / 3
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity in ("linear", "sigmoid", "conv1d", "conv2d"):
        return 1.0
    raise _C.ConfigError(f"calculate_gain: unknown nonlinearity '{nonlinearity}'.")


def _only_fan_in(mode):
    if mode != "fan_in":
        raise _C.NotImplemented(f"kaiming init: mode '{mode}' is missing; there is 'fan_in'.")


def kaiming_uniform_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    _only_fan_in(mode)
    # sqrt(6 / ((1 + a^2) fan_in)) is the library's bound for leaky_relu of slope a.
    gain = calculate_gain(nonlinearity, a)
    bound = gain * math.sqrt(3 / _C.nn.init.fan_in(tensor))
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    _only_fan_in(mode)
    _C.nn.init.kaiming_normal_(tensor, calculate_gain(nonlinearity, a))
    return tensor


def xavier_uniform_(tensor, gain=1.0):
    _C.nn.init.xavier_uniform_(tensor, gain)
    return tensor


def xavier_normal_(tensor, gain=1.0):
    fans = _C.nn.init.fan_in(tensor) + _C.nn.init.fan_out(tensor)
    return normal_(tensor, 0, gain * math.sqrt(2 / fans))
