"""tinytorch.utils.data, and what PyTorch keeps beside it."""

from . import data  # noqa: F401
