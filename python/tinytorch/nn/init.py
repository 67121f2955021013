"""Starting values, in place: each is drawn by the library, with the default generator."""

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
    return _C.nn.init.calculate_gain(nonlinearity, 0.01 if param is None else param)


def kaiming_uniform_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    _C.nn.init.kaiming_uniform_(tensor, a, mode, nonlinearity)
    return tensor


def kaiming_normal_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    _C.nn.init.kaiming_normal_(tensor, a, mode, nonlinearity)
    return tensor


def xavier_uniform_(tensor, gain=1.0):
    _C.nn.init.xavier_uniform_(tensor, gain)
    return tensor


def xavier_normal_(tensor, gain=1.0):
    _C.nn.init.xavier_normal_(tensor, gain)
    return tensor


def orthogonal_(tensor, gain=1.0):
    _C.nn.init.orthogonal_(tensor, gain)
    return tensor


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0):
    _C.nn.init.trunc_normal_(tensor, mean, std, a, b)
    return tensor
