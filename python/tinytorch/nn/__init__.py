"""Networks: Module, layers, losses, models; functional, init and utils as PyTorch has them."""

from . import functional, init, utils  # noqa: F401
from .activation import *  # noqa: F401,F403
from .layers import *  # noqa: F401,F403
from .loss import *  # noqa: F401,F403
from .module import Module, ModuleDict, ModuleList, Parameter, Sequential  # noqa: F401
from .native import *  # noqa: F401,F403
from .session import *  # noqa: F401,F403
