"""The operations of networks as functions, under the names of torch.nn.functional."""

from .. import _C

# Those whose arguments are the same here and there.
_same = [
    "avg_pool2d", "adaptive_avg_pool2d", "batch_norm", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d",
    "cross_entropy", "dropout", "elu", "embedding", "gelu", "group_norm", "interpolate", "kl_div",
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

__all__ = [*_same, *_shared, "one_hot"]


def one_hot(index, num_classes=-1):
    """(...) of class numbers to (..., classes) of 0 and 1, int64."""
    classes = int(index.max().item()) + 1 if num_classes < 0 else num_classes
    return (index.unsqueeze(-1) == _C.arange(classes)).long()
