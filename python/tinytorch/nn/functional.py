"""The operations of networks as functions, under the names of torch.nn.functional."""

from .. import _C

# Those whose arguments are the same here and there.
_same = [
    "avg_pool2d", "adaptive_avg_pool2d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "conv_transpose1d", "conv_transpose2d", "cross_entropy",
    "dropout", "elu", "embedding", "gelu", "group_norm", "interpolate", "kl_div",
    "l1_loss", "layer_norm", "leaky_relu", "linear", "max_pool2d", "mse_loss", "nll_loss", "pad",
    "rms_norm", "scaled_dot_product_attention", "silu", "smooth_l1_loss", "softplus",
]
# Those that are methods of tensors, too.
_shared = ["hardsigmoid", "hardswish", "log_softmax", "mish", "relu", "selu", "sigmoid", "softmax",
           "tanh"]

for _name in _same:
    globals()[_name] = getattr(_C.nn, _name)
for _name in _shared:
    globals()[_name] = getattr(_C, _name)

__all__ = [*_same, *_shared, "conv1d", "conv2d", "one_hot"]


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Over sequences (n, in, l), or one of them; padding is a number, "same" or "valid"."""
    strides, dilations = as_sizes(stride, 1), as_sizes(dilation, 1)
    input, (amount,) = _padded(input, weight, strides, padding, dilations)
    batch = input if input.dim() != 2 else input.unsqueeze(0)
    out = _C.nn.conv1d(batch, weight, bias, *strides, amount, *dilations, groups)
    return out if batch is input else out.squeeze(0)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, activation="",
           pool=False):
    """Over images (n, in, h, w), or one of them; padding is a number, a pair, "same" or "valid"."""
    input, padding = _padded(input, weight, stride, padding, dilation)
    batch = input if input.dim() != 3 else input.unsqueeze(0)
    out = _C.nn.conv2d(batch, weight, bias, stride, padding, dilation, groups, activation, pool)
    return out if batch is input else out.squeeze(0)


def as_sizes(x, count):
    """A number or a sequence of them as `count` numbers."""
    return tuple(x) if isinstance(x, (tuple, list)) else (x,) * count


def even_padding(kernel, stride, padding, dilation):
    """The padding as numbers; with "same" zeros in front and behind, where they are as many."""
    if not isinstance(padding, str):
        return as_sizes(padding, len(kernel))
    if padding == "valid":
        return (0,) * len(kernel)
    if padding != "same":
        raise _C.ConfigError(f"convolution: padding '{padding}' is none of same, valid, a number.")
    if any(s != 1 for s in as_sizes(stride, len(kernel))):
        raise _C.ConfigError(
            f"convolution: padding='same' keeps the size, which stride={stride} does not."
        )
    whole = [d * (k - 1) for d, k in zip(as_sizes(dilation, len(kernel)), kernel)]
    return "same" if any(n % 2 for n in whole) else tuple(n // 2 for n in whole)


def _padded(x, weight, stride, padding, dilation):
    """x and the padding that is left to do: an uneven one is done here, one more zero behind."""
    kernel = weight.shape[2:]
    amounts = even_padding(kernel, stride, padding, dilation)
    if amounts != "same":
        return x, amounts
    zeros = []
    for d, k in zip(reversed(as_sizes(dilation, len(kernel))), reversed(kernel)):
        n = d * (k - 1)
        zeros += [n // 2, n - n // 2]
    return _C.nn.pad(x, zeros), (0,) * len(kernel)


def one_hot(index, num_classes=-1):
    """(...) of class numbers to (..., classes) of 0 and 1, int64."""
    if index.is_floating_point() or index.dtype == _C.dtype.bool:
        raise _C.DTypeError(
            f"one_hot: classes are numbered by integers, not {index.dtype}. Hint: index.long()."
        )
    if index.numel() == 0 and num_classes <= 0:
        raise _C.ConfigError("one_hot: an empty tensor has no largest class. Hint: num_classes=10.")
    index = index.long()
    smallest, largest = (index.min().item(), index.max().item()) if index.numel() else (0, -1)
    classes = largest + 1 if num_classes == -1 else num_classes
    if smallest < 0 or largest >= classes:
        wrong = smallest if smallest < 0 else largest
        raise _C.IndexError(f"one_hot: class {wrong} is out of range for {classes} classes.")
    return (index.unsqueeze(-1) == _C.arange(classes)).long()
