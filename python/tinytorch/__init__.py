"""TinyTorch: tensors, autograd, networks, optimizers and data on the CPU, under PyTorch's names.

    import tinytorch
    x = tinytorch.randn(3, 4, requires_grad=True)
    (x ** 2).sum().backward()
"""

from . import _C
from ._C import (  # noqa: F401
    ConfigError,
    DTypeError,
    Error,
    GradError,
    IndexError,
    IoError,
    MemoryError,
    NotImplemented,
    ShapeError,
    Tensor,
    dtype,
)

# Every function of the extension is one of the package; what is not public begins with "_" or is
# given another shape below.
_private = {"GradMode", "grad", "nn", "optim", "data", "modules"}
for _name in dir(_C):
    if not _name.startswith("_") and _name not in _private:
        globals()[_name] = getattr(_C, _name)

bool = _C.dtype.bool
uint8 = _C.dtype.uint8
int8 = _C.dtype.int8
int32 = int = _C.dtype.int32
int64 = long = _C.dtype.int64
bfloat16 = _C.dtype.bfloat16
float32 = float = _C.dtype.float32
float64 = double = _C.dtype.float64

from ._compositions import FUNCTIONS as _functions  # noqa: E402
from ._tensor import as_tensor, is_tensor  # noqa: E402
from .autograd import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: E402
from . import autograd, data, nn, optim, utils  # noqa: E402
from .serialization import (  # noqa: E402
    load,
    load_file,
    load_npy,
    load_npz,
    save,
    save_file,
    save_npy,
    save_npz,
)

for _function in _functions:
    globals()[_function.__name__] = _function

__version__ = _C.__version__
