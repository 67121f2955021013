"""Optimizers under PyTorch's names, with param_groups; lr_scheduler beside them."""

from . import lr_scheduler  # noqa: F401
from .optimizer import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop  # noqa: F401
