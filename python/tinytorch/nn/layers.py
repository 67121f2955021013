"""Layers. Each holds parameters under PyTorch's names and layouts; the library computes."""

import math

from .. import _C
from . import functional as F
from . import init
from .module import Module, Parameter

__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "ConvTranspose1d",
    "ConvTranspose2d", "Dropout", "Embedding", "Flatten", "GroupNorm", "LayerNorm", "Linear",
    "MaxPool2d", "RMSNorm", "Unflatten", "Upsample",
]


def _pair(x):
    return F.as_sizes(x, 2)


def _check_kernel(layer, sizes):
    if min(sizes) < 1:
        raise _C.ConfigError(f"{type(layer).__name__}: a kernel of {tuple(sizes)} has no size.")


def _check_groups(layer, channels, groups):
    if groups < 1 or any(n < 1 or n % groups for n in channels):
        raise _C.ConfigError(
            f"{type(layer).__name__}: {' and '.join(map(str, channels))} channels do not divide "
            f"into {groups} groups."
        )


class _Layer(Module):
    """A layer that may compute the activation behind it as well: see Sequential."""

    fuses = ()  # names of those activations

    def pools(self, x, following):
        """Whether it can pool with the module behind the activation, too."""
        return False


class Linear(_Layer):
    """x W^T + b over the last dimension. weight (out, in), bias (out)."""

    fuses = ("relu", "gelu", "gelu_tanh")

    def __init__(self, in_features, out_features, bias=True, dtype=None):
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise _C.ConfigError(f"Linear({in_features}, {out_features}): sizes must be positive.")
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(_C.empty(out_features, in_features, dtype=dtype))
        self.register_parameter("bias", Parameter(_C.empty(out_features, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        bound = 1 / math.sqrt(self.in_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)

    def forward_fused(self, x, activation):
        return F.linear(x, self.weight, self.bias, activation)

    def extra_repr(self):
        return (f"in_features={self.in_features}, out_features={self.out_features}, "
                f"bias={self.bias is not None}")


class Conv2d(_Layer):
    """2-d convolution over images (n, in, h, w). weight (out, in / groups, kh, kw), bias (out)."""

    fuses = ("relu",)

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, dtype=None):
        super().__init__()
        _check_groups(self, (in_channels, out_channels), groups)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        _check_kernel(self, self.kernel_size)
        self.dilation = _pair(dilation)
        self.padding = F.even_padding(self.kernel_size, self.stride, padding, self.dilation)
        self.weight = Parameter(
            _C.empty(out_channels, in_channels // groups, *self.kernel_size, dtype=dtype)
        )
        self.register_parameter("bias", Parameter(_C.empty(out_channels, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        bound = 1 / math.sqrt(_C.nn.init.fan_in(self.weight))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x):
        return self.forward_fused(x, "")

    def forward_fused(self, x, activation, pool=False):
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation,
                        self.groups, activation, pool)

    def pools(self, x, following):
        if not isinstance(following, MaxPool2d) or not following.halves() or x.dim() != 4:
            return False
        if self.padding == "same":
            return False
        sizes = zip(x.shape[2:], self.kernel_size, self.stride, self.padding, self.dilation)
        return all((n + 2 * p - d * (k - 1) - 1) // s + 1 >= 2 for n, k, s, p, d in sizes)

    def extra_repr(self):
        return (f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
                f"stride={self.stride}, padding={self.padding}")


class _Conv(Module):
    """What convolutions of other kinds share: weight and bias and how they start."""

    def __init__(self, weight_shape, bias_size, bias, dtype, channels, groups):
        super().__init__()
        _check_groups(self, channels, groups)
        _check_kernel(self, weight_shape[2:])
        self.weight = Parameter(_C.empty(weight_shape, dtype=dtype))
        self.register_parameter("bias", Parameter(_C.empty(bias_size, dtype=dtype)) if bias else None)
        bound = 1 / math.sqrt(_C.nn.init.fan_in(self.weight))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)


class Conv1d(_Conv):
    """Convolution over sequences (n, in, l). weight (out, in / groups, k)."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, dtype=None):
        shape = (out_channels, in_channels // max(groups, 1), *F.as_sizes(kernel_size, 1))
        super().__init__(shape, out_channels, bias, dtype, (in_channels, out_channels), groups)
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.padding = F.even_padding(F.as_sizes(kernel_size, 1), stride, padding, dilation)

    def forward(self, x):
        return F.conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation,
                        self.groups)


class ConvTranspose1d(_Conv):
    """The gradient of Conv1d as a layer. weight (in, out / groups, k)."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 output_padding=0, groups=1, bias=True, dilation=1, dtype=None):
        shape = (in_channels, out_channels // max(groups, 1), kernel_size)
        super().__init__(shape, out_channels, bias, dtype, (in_channels, out_channels), groups)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.groups, self.dilation = groups, dilation

    def forward(self, x):
        return F.conv_transpose1d(x, self.weight, self.bias, self.stride, self.padding,
                                  self.output_padding, self.groups, self.dilation)


class ConvTranspose2d(_Conv):
    """The gradient of Conv2d as a layer. weight (in, out / groups, kh, kw)."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 output_padding=0, groups=1, bias=True, dilation=1, dtype=None):
        shape = (in_channels, out_channels // max(groups, 1), *_pair(kernel_size))
        super().__init__(shape, out_channels, bias, dtype, (in_channels, out_channels), groups)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.groups, self.dilation = groups, dilation

    def forward(self, x):
        return F.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding,
                                  self.output_padding, self.groups, self.dilation)


class Upsample(Module):
    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=False):
        super().__init__()
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners

    def forward(self, x):
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)


class _Pool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size, self.padding = _pair(kernel_size), _pair(padding)
        self.stride = self.kernel_size if stride is None else _pair(stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    def forward(self, x):
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def halves(self):
        """Windows of 2x2 side by side: what a convolution can do in its own pass."""
        return self.kernel_size == (2, 2) == self.stride and self.padding == (0, 0)


class AvgPool2d(_Pool2d):
    def forward(self, x):
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class AdaptiveAvgPool2d(Module):
    def __init__(self, output_size):
        super().__init__()
        self.output_size = _pair(output_size)

    def forward(self, x):
        return F.adaptive_avg_pool2d(x, self.output_size)


class BatchNorm2d(_Layer):
    """Normalises each channel over batch and image; running statistics as in PyTorch."""

    fuses = ("relu",)
    dims, form = (4,), "(n, c, h, w)"  # of the inputs it takes

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.register_parameter("weight", Parameter(_C.ones(num_features)) if affine else None)
        self.register_parameter("bias", Parameter(_C.zeros(num_features)) if affine else None)
        kept = track_running_stats
        self.register_buffer("running_mean", _C.zeros(num_features) if kept else None)
        self.register_buffer("running_var", _C.ones(num_features) if kept else None)
        self.register_buffer(
            "num_batches_tracked", _C.zeros(dtype=_C.dtype.int64) if kept else None
        )

    def forward(self, x):
        return self.forward_fused(x, "")

    def forward_fused(self, x, activation):
        if x.dim() not in self.dims:
            kind = type(self).__name__
            raise _C.ShapeError(f"{kind}: input {list(x.shape)} must be {self.form}.")
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        use_batch = self.training or self.running_mean is None
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                            use_batch, self.momentum, self.eps, activation=activation)

    def extra_repr(self):
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(BatchNorm2d):
    """The same over rows (n, c) or sequences (n, c, l)."""

    fuses = ()
    dims, form = (2, 3), "(n, c) or (n, c, l)"


class LayerNorm(Module):
    """Normalises over the last dimensions."""

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True):
        super().__init__()
        shape = normalized_shape
        self.normalized_shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        self.eps = eps
        on = elementwise_affine
        self.register_parameter("weight", Parameter(_C.ones(self.normalized_shape)) if on else None)
        on = on and bias
        self.register_parameter("bias", Parameter(_C.zeros(self.normalized_shape)) if on else None)

    def forward(self, x):
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}"


class GroupNorm(Module):
    """Normalises groups of neighbouring channels of each sample."""

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True):
        super().__init__()
        _check_groups(self, (num_channels,), num_groups)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.register_parameter("weight", Parameter(_C.ones(num_channels)) if affine else None)
        self.register_parameter("bias", Parameter(_C.zeros(num_channels)) if affine else None)

    def forward(self, x):
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) over the last dimensions, times weight."""

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True):
        super().__init__()
        shape = normalized_shape
        self.normalized_shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        self.eps = eps
        on = elementwise_affine
        self.register_parameter("weight", Parameter(_C.ones(self.normalized_shape)) if on else None)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class Embedding(Module):
    """A table of vectors: indices (any shape) -> (shape, features)."""

    def __init__(self, num_embeddings, embedding_dim):
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = Parameter(_C.empty(num_embeddings, embedding_dim))
        init.normal_(self.weight)

    def forward(self, index):
        return F.embedding(index, self.weight)

    def extra_repr(self):
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise _C.ConfigError(f"Dropout: p = {p} is no probability: it lies between 0 and 1.")
        self.p = p

    def forward(self, x):
        return F.dropout(x, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}"


class Flatten(Module):
    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        return x.flatten(self.start_dim, self.end_dim)


class Unflatten(Module):
    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x):
        dim = self.dim % x.dim()
        return x.reshape(x.shape[:dim] + self.unflattened_size + x.shape[dim + 1 :])
