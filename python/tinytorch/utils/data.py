"""PyTorch's place for what stands in tinytorch.data."""

from ..data import *  # noqa: F401,F403
