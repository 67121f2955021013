#!/usr/bin/env python3
"""Reference values from PyTorch for the tests: run it where python3-torch is installed.

    cmake --build --preset release --target dump_samples
    build/release/dump_samples /tmp/samples.safetensors
    /usr/bin/python3 tests/golden/make_golden.py ops /tmp/samples.safetensors
    /usr/bin/python3 tests/golden/make_golden.py models
    /usr/bin/python3 tests/golden/make_golden.py layers
    /usr/bin/python3 tests/golden/make_golden.py optim

`ops` computes every sample of the op table and every case of random_cases.cpp in f64: output and the gradients of all floating inputs
for an output gradient of 0.25 + (7 i mod 11) / 8. `models` computes the ready models from weights
that both sides draw with splitmix64, `layers` single layers, `optim` what optimizers and schedules make of numbers that
are drawn the same way. The tests read the files; they need no PyTorch.
"""
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).resolve().parent
DTYPES = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "BOOL": np.bool_, "U8": np.uint8}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}


def read_safetensors(path):
    data = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    tensors = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        array = np.frombuffer(data[8 + size + begin:8 + size + end], DTYPES[info["dtype"]])
        tensors[name] = array.reshape(info["shape"])
    return tensors, header.get("__metadata__", {})


def write_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name in sorted(tensors, key=lambda n: (-tensors[n].dtype.itemsize, n)):
        array = np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape)
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape),
                        "data_offsets": [at, at + array.nbytes]}
        blobs.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(f"{path}: {len(tensors)} tensors, {8 + len(text) + at} bytes")


# ---- ops: the samples' calls in PyTorch's words, by operation and label

def gelu(form):
    return lambda x: F.gelu(x, approximate=form)


def conv(**kw):
    relu = kw.pop("act", None)
    act = {None: lambda y: y, "relu": F.relu, "gelu": F.gelu}[relu]
    pool = (lambda y: F.max_pool2d(y, 2)) if kw.pop("pool", False) else (lambda y: y)
    return lambda x, w, b=None: pool(act(F.conv2d(x, w, b, **kw)))


def cross_entropy(weighted=False, **kw):
    return lambda x, t: F.cross_entropy(x, t, class_weights(x) if weighted else None, **kw)


def class_weights(x):
    return 0.5 + 0.25 * torch.arange(x.shape[1 if x.dim() > 1 else 0], dtype=x.dtype)


def nll_loss(weighted=False, **kw):
    return lambda x, t: F.nll_loss(x, t, class_weights(x) if weighted else None, **kw)


def row_weights(x):
    n = x.shape[-1] if x.dim() else 1
    return 0.25 + torch.arange(n, dtype=x.dtype) * 1.5 / n


def bce(weighted=False, **kw):
    return lambda x, t: F.binary_cross_entropy(x, t, row_weights(x) if weighted else None, **kw)


def bce_logits(weighted=False, pos=False, **kw):
    return lambda x, t: F.binary_cross_entropy_with_logits(x, t, row_weights(x) if weighted else None,
                                                           pos_weight=row_weights(x) + 1.5 if pos else None, **kw)


def rms_norm(shape, eps):
    def run(x, w=None):
        y = x / torch.sqrt((x * x).mean(tuple(range(-len(shape), 0)), True) + eps)
        return y if w is None else y * w
    return run


def instance_norm(use_input_stats):
    def run(x, w=None, b=None):
        channels = torch.arange(x.shape[1], dtype=x.dtype)
        if x.numel() == 0:  # PyTorch refuses it
            return x * w.reshape(1, -1, 1) + b.reshape(1, -1, 1)
        return F.instance_norm(x, -0.2 + 0.1 * channels, 0.5 + 0.25 * channels, w, b, use_input_stats, 0.1, 1e-5)
    return run


def with_options(fn, **kw):
    return lambda *t: fn(*t, **kw)


def batch_norm(training, affine, residual, relu):
    """Running statistics by the formula of the samples in ops/norm.cpp."""
    def run(x, *rest):
        rest = list(rest)
        channels = torch.arange(x.shape[1], dtype=x.dtype)
        mean, var = -0.2 + 0.1 * channels, 0.5 + 0.25 * channels
        w, b = (rest.pop(0), rest.pop(0)) if affine else (None, None)
        y = F.batch_norm(x, mean, var, w, b, training, 0.1, 1e-5)
        if residual:
            y = y + rest.pop(0)
        return F.relu(y) if relu else y
    return run


def attention(causal):
    def run(q, k, v):
        s = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if causal:
            tq, tk = s.shape[-2:]
            s = s.masked_fill(~torch.ones(tq, tk, dtype=torch.bool).tril(tk - tq), -torch.inf)
        return s.softmax(-1) @ v
    return run


def masked_attention(mask=None):
    """As PyTorch 2.5: a query without keys gives zeros."""
    def run(q, k, v, m=mask):
        s = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        s = s.masked_fill(~m, -torch.inf) if m.dtype == torch.bool else s + m
        dead = (s == -torch.inf).all(-1, True) if s.numel() else torch.zeros(1, dtype=torch.bool)
        return s.masked_fill(dead, 0).softmax(-1).masked_fill(dead, 0) @ v
    return run


def added_mask():
    i = torch.arange(15)
    return (0.25 * (i % 4).double()).masked_fill(i % 3 == 0, -torch.inf).reshape(1, 3, 5)


def self_attention(heads, causal):
    def run(qkv):
        b, t, c3 = qkv.shape
        q, k, v = (p.view(b, t, heads, -1).transpose(1, 2) for p in qkv.split(c3 // 3, 2))
        return attention(causal)(q, k, v).transpose(1, 2).reshape(b, t, c3 // 3)
    return run


def linear(act):
    return lambda x, w, b=None: act(F.linear(x, w, b))


def in_place(first, name):
    def run(a, b):
        y = first(a)
        getattr(y, name)(b)
        return y
    return run


def same(x):
    return x


def power(e):
    return lambda x: torch.pow(x, e)


BINARY = ["same shape", "row", "column times row", "with a scalar tensor", "scalar tensor first", "two orders", "empty"]
UNARY = ["matrix", "channels_last", "long", "scalar", "empty"]
COMPARE = ["same shape", "row", "indices"]


def resized(mode="nearest", **kw):
    return lambda x: F.interpolate(x, mode=mode, **kw)


def every(labels, fn):
    return {label: fn for label in labels}


def reductions(fn):
    return {"all": lambda x: fn(x, None, False), "last": lambda x: fn(x, -1, False),
            "first, keepdim": lambda x: fn(x, 0, True), "middle": lambda x: fn(x, 1, False),
            "outer two of four": lambda x: fn(x, (0, 2), False), "image": lambda x: fn(x, (2, 3), False),
            "scalar": lambda x: fn(x, None, False)}


def statistics(fn):
    """fn takes all dims as a tuple."""
    return {"all": lambda x: fn(x, (0, 1), False), "last": lambda x: fn(x, -1, False), "first, keepdim": lambda x: fn(x, 0, True),
            "outer two of four": lambda x: fn(x, (0, 2), False), "no rows": lambda x: fn(x, 1, False)}


def over(fn):
    return lambda x, dims, keep: fn(x) if dims is None else fn(x, dims, keepdim=keep)


def pools(fn, average):
    count = {"count_include_pad": True} if average else {}
    none = {"count_include_pad": False} if average else {}
    overlap = (lambda x: fn(x, (2, 3), (1, 1), (0, 1), **none))
    return {"2x2": lambda x: fn(x, 2), "3x3 stride 2 padded": lambda x: fn(x, 3, 2, 1, **count),
            "overlapping 2x3": overlap, "no images": lambda x: fn(x, 2)}


OPS = {
    "reshape": {"2x6 to 3x4": lambda x: x.reshape(3, -1), "of a transpose": lambda x: x.t().reshape(2, 6),
                "flatten 1..2": lambda x: x.flatten(1, 2), "unsqueeze": lambda x: x.unsqueeze(1),
                "squeeze": lambda x: x.squeeze(), "empty": lambda x: x.reshape(3, 0), "scalar": lambda x: x.reshape(1, 1)},
    "permute": {"2x3x4 to 4x2x3": lambda x: x.permute(2, 0, 1), "transpose": lambda x: x.transpose(0, -1), "t": lambda x: x.t()},
    "slice": {"1:6:2 of 7": lambda x: x[1:6:2], "narrow": lambda x: x.narrow(1, 2, 3), "select": lambda x: x.select(1, -1),
              "empty": lambda x: x[2:1]},
    "expand": {"1x3 to 4x2x3": lambda x: x.expand(4, 2, 3), "scalar": lambda x: x.expand(2, 2)},
    "contiguous": {"of a transpose": lambda x: x.t().contiguous(), "channels_last": same, "clone": same, "empty": same},
    "cat": {"dim 0": lambda *t: torch.cat(t, 0), "dim -1, three": lambda *t: torch.cat(t, -1), "with an empty one": lambda *t: torch.cat(t, 0)},
    "stack": {"dim 0": lambda *t: torch.stack(t, 0), "last": lambda *t: torch.stack(t, -1), "scalars": lambda *t: torch.stack(t, 0)},
    "split": {"5 by 2, second": lambda x: x.split(2)[1], "short last part": lambda x: x.split(2, 1)[2]},
    "pad": {"last dim": lambda x: F.pad(x, (1, 2)), "two dims, value": lambda x: F.pad(x, (1, 0, 0, 2), value=7.0),
            "cutting": lambda x: F.pad(x, (-1, 1, 2, -2))},
    "neg": every(UNARY, torch.neg), "exp": every(UNARY, torch.exp), "log": every(UNARY, torch.log),
    "sqrt": every(UNARY, torch.sqrt), "rsqrt": every(UNARY, torch.rsqrt), "tanh": every(UNARY, torch.tanh),
    "sigmoid": every(UNARY, torch.sigmoid), "silu": every(UNARY, F.silu), "square": every(UNARY, torch.square),
    "relu": every(["matrix", "long", "empty"], F.relu),
    "gelu": {"erf": gelu("none"), "tanh": gelu("tanh"), "far out": gelu("none")},
    "clamp": {"-0.2 to 0.31": lambda x: x.clamp(-0.2, 0.31), "one side": lambda x: x.clamp(-0.1, 1e9)},
    "add": {**every(BINARY, torch.add), "alpha 2.5": lambda a, b: torch.add(a, b, alpha=2.5), "number": lambda a: a + 1.5,
            "the same twice": lambda a: a + a, "in place": in_place(lambda a: a * 2, "add_")},
    "sub": {**every(BINARY, torch.sub), "from a number": lambda a: 1.5 - a},
    "mul": {**every(BINARY, torch.mul), "square": lambda a: a * a, "number": lambda a: a * -0.5,
            "in place": in_place(lambda a: a + 1, "mul_")},
    "div": {**every(BINARY, torch.div), "number by tensor": lambda a: 2.0 / a, "in place": in_place(lambda a: a + 1, "div_")},
    **{name: every(COMPARE, getattr(torch, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "where": every(["same shape", "broadcast"], torch.where),
    **{name: every(["matrix", "long", "scalar", "empty", "far", "both signs", "integers", "near 0"], getattr(torch, name))
       for name in ("abs", "sign", "sin", "cos", "reciprocal", "log1p", "expm1", "erf")},
    "pow": {**every(["tensors", "row", "scalar tensor first", "tensors, empty", "tensors of integers"], torch.pow),
            "to 1.7": power(1.7), "to -2.5": power(-2.5), "to 3": power(3.0), "to 1": power(1.0), "to 2": power(2.0), "to 0.5": power(0.5),
            "to -1": power(-1.0), "to 0": power(0.0), "scalar": power(1.7), "empty": power(1.7), "integers": power(3),
            "of 2.5": lambda x: torch.pow(2.5, x)},
    **{name: {**every(["matrix", "wide", "scalar", "empty", "far out"], fn), **more} for name, fn, more in (
        ("leaky_relu", F.leaky_relu, {"slope 0.3": lambda x: F.leaky_relu(x, 0.3)}),
        ("elu", F.elu, {"alpha 0.5": lambda x: F.elu(x, 0.5)}), ("selu", F.selu, {}),
        ("softplus", F.softplus, {"beta 2, threshold 3": lambda x: F.softplus(x, 2, 3)}), ("mish", F.mish, {}),
        ("hardsigmoid", lambda x: F.relu6(x + 3) / 6, {}), ("hardswish", F.hardswish, {}))},
    **{name: every(["same shape", "row", "column with row", "with a scalar tensor", "empty", "integers"], getattr(torch, name))
       for name in ("maximum", "minimum")},
    **{name: every(["same shape", "row", "scalars", "empty", "numbers"], getattr(torch, name))
       for name in ("logical_and", "logical_or", "logical_xor")},
    "logical_not": every(["matrix", "numbers", "scalar", "empty"], torch.logical_not),
    "sum": {**reductions(over(torch.sum)), "empty": lambda x: x.sum(), "empty to zeros": lambda x: x.sum(0)},
    "mean": reductions(over(torch.mean)),
    "var": {**{k: v for k, v in reductions(lambda x, d, keep: x.var(unbiased=False) if d is None
                                           else x.var(d, unbiased=False, keepdim=keep)).items() if k != "scalar"},
            "unbiased": lambda x: x.var()},
    "max": {"all": lambda x: x.max(), "dim 1": lambda x: x.max(1)[0], "dim 0, keepdim": lambda x: x.max(0, True)[0]},
    "argmax": {"last": lambda x: x.argmax(-1), "dim 0, keepdim": lambda x: x.argmax(0, True)},
    "min": {"all": lambda x: x.min(), "dim 1": lambda x: x.min(1)[0], "dim 0, keepdim": lambda x: x.min(0, True)[0],
            "scalar": lambda x: x.min(-1)[0], "indices": lambda x: x.min(1)[0]},
    "argmin": {"last": lambda x: x.argmin(-1), "dim 0, keepdim": lambda x: x.argmin(0, True), "all": torch.argmin,
               "all, largest": torch.argmax},
    **{name: {**statistics(fn), "image": lambda x, f=fn: f(x, (-2, -1), True), "scalar": lambda x, f=fn: f(x, (), False),
              "integers": lambda x, f=fn: f(x, 1, False)} for name, fn in (("amax", torch.amax), ("amin", torch.amin))},
    "std": {**statistics(lambda x, d, keep: x.std(d, keepdim=keep)), "biased": lambda x: x.std(0, unbiased=False)},
    "norm": {**statistics(lambda x, d, keep: torch.norm(x, 2, d, keep)), "scalar": torch.norm,
             **{f"p {p}": lambda x, p=p: torch.norm(x, p, 1) for p in (1, 3, 1.5, 0.5, -1)},
             "p 0": lambda x: torch.norm(x, 0, 1) + (x * 0).sum(1),  # PyTorch leaves a gradient of 0 out
             "p inf": lambda x: torch.norm(x, torch.inf, 1), "p -inf": lambda x: torch.norm(x, -torch.inf, 0, True)},
    "logsumexp": {**statistics(torch.logsumexp), "large": lambda x: torch.logsumexp(x, 1), "scalar": lambda x: torch.logsumexp(x, 0)},
    "prod": {"all": torch.prod, "last": lambda x: x.prod(-1), "first, keepdim": lambda x: x.prod(0, True),
             "scalar": lambda x: x.prod(0), **every(["middle", "of one", "no zero, one, two", "of nothing", "empty", "integers",
                                                     "truth values"], lambda x: x.prod(1))},
    "cumsum": {"vector": lambda x: x.cumsum(0), "last": lambda x: x.cumsum(-1), "first": lambda x: x.cumsum(0), "scalar": lambda x: x.cumsum(0),
               **every(["middle", "channels_last", "empty", "integers", "truth values"], lambda x: x.cumsum(1))},
    "embedding": every(["2x3 of 5x4", "repeated rows", "none"], lambda w, i: F.embedding(i, w)),
    "index_select": {"dim 0": lambda x, i: x.index_select(0, i), "last dim": lambda x, i: x.index_select(-1, i)},
    "einsum": {e: lambda *t, e=e: torch.einsum(e, *t) for e in (
        "ij,jk->ik", "bij,bjk->bik", "ij,kj", "i,j->ij", "ij->ji", "ij->", "ii", "iji->ij", "b...c,...cd->b...d",
        "...i,...i->...", "ik,jkl,il->ij", "bn,anm,bm->ba", "ij,ij->i", ",i->i", "xy,yz->xz")},
    "outer": every(["3 by 4", "empty"], torch.outer),
    "sort": {"last dim": lambda x: x.sort(-1)[0], "first dim, descending": lambda x: x.sort(0, True)[0],
             "middle of 3-d": lambda x: x.sort(1)[0], "scalar": lambda x: x.sort(-1)[0], "empty": lambda x: x.sort(0, True)[0]},
    "argsort": {"last dim": lambda x: x.argsort(-1), "first dim, descending": lambda x: x.argsort(0, True),
                "integers": lambda x: torch.sort(x, stable=True, dim=0)[1], "scalar": lambda x: x.argsort(0)},
    "topk": {"3 of 7": lambda x: x.topk(3)[0], "2 smallest, dim 0": lambda x: x.topk(2, 0, False)[0],
             "all": lambda x: x.topk(3, 1)[0], "none": lambda x: x.topk(0, 1)[0]},
    "topk_indices": {"3 of 7": lambda x: x.topk(3)[1], "2 smallest, dim 0": lambda x: x.topk(2, 0, False)[1]},
    "interpolate": {
        "nearest, larger": resized(size=(6, 7)), "nearest, smaller": resized(size=(2, 4)), "nearest by 2": resized(scale_factor=2.0),
        "bilinear, larger": resized("bilinear", size=(5, 9)), "bilinear, smaller": resized("bilinear", size=(2, 4)),
        "bilinear, corners": resized("bilinear", size=(5, 9), align_corners=True),
        "bilinear by 1.7, 0.6": resized("bilinear", scale_factor=(1.7, 0.6)), "bilinear, one pixel": resized("bilinear", size=(2, 3)),
        "bilinear to one, corners": resized("bilinear", size=(1, 1), align_corners=True)},
    "flip": {"last": lambda x: x.flip(-1), "both": lambda x: x.flip(0, 1), "none": lambda x: x.flip(()), "empty": lambda x: x.flip(1, 0)},
    "roll": {"by 2": lambda x: x.roll(2, 1), "back and forth": lambda x: x.roll((-1, 7), (0, 1)), "as one row": lambda x: x.roll(2),
             "empty": lambda x: x.roll(1, 0)},
    "repeat": {"2 by 3": lambda x: x.repeat(2, 3), "more dims": lambda x: x.repeat(2, 1, 2), "once": lambda x: x.repeat(1, 1),
               "never": lambda x: x.repeat(1, 0), "scalar": lambda x: x.repeat(3),
               "8-d": lambda x: x.repeat(2, 1, 1, 1, 2, 1, 1, 3)},
    "unfold": {"overlapping": lambda x: x.unfold(0, 3, 2), "side by side": lambda x: x.unfold(1, 2, 2),
               "first of 3-d": lambda x: x.unfold(0, 2, 1), "with gaps": lambda x: x.unfold(-1, 2, 3)},
    **{name: {"square": fn, "above": lambda x, f=fn: f(x, 1), "batch, below": lambda x, f=fn: f(x, -1), "far out": lambda x, f=fn: f(x, 9)}
       for name, fn in (("tril", torch.tril), ("triu", torch.triu))},
    "scatter_add": {"dim 0": lambda x, i, s: x.scatter_add(0, i, s), "dim 1, larger source": lambda x, i, s: x.scatter_add(1, i, s[:2, :6]),
                    "3-d": lambda x, i, s: x.scatter_add(1, i, s), "one place": lambda x, i, s: x.scatter_add(0, i, s),
                    "nothing": lambda x, i, s: x.scatter_add(0, i, s)},
    "masked_select": every(["same shape", "broadcast mask", "broadcast input", "empty"], torch.masked_select),
    "index_put": {**every(["rows", "rows, one value"], lambda x, i, v: x.index_put((i,), v)),
                  **every(["elements", "a block"], lambda x, i, j, v: x.index_put((i, j), v)),
                  "added": lambda x, i, v: x.index_put((i,), v, accumulate=True),
                  "elements added": lambda x, i, j, v: x.index_put((i, j), v, accumulate=True)},
    "gather": {"dim 1": lambda x, i: x.gather(1, i), "dim 0, smaller index": lambda x, i: x.gather(0, i), "3-d": lambda x, i: x.gather(1, i)},
    "masked_fill": every(["same shape", "broadcast mask"], lambda x, m: x.masked_fill(m, -2.5)),
    "matmul": {**every(["3x4 times 4x5", "long inner dim", "vector times matrix", "matrix times vector", "two vectors",
                        "batch times matrix", "broadcast batches", "matrix times batch", "inner dim 0", "no rows"], torch.matmul),
               "transposed operands": lambda a, b: a.t() @ b.t()},
    "bmm": {"2x3x4 times 2x4x2": torch.bmm, "transposed": lambda a, b: a.transpose(1, 2) @ b.transpose(1, 2)},
    "linear": {**every(["rows", "no bias", "one vector"], linear(same)), "3-d input, relu": linear(F.relu), "gelu": linear(F.gelu),
               "gelu tanh": linear(gelu("tanh")), "no rows": linear(F.relu)},
    "conv2d": {"3x3 padded, bias": conv(padding=1), "stride 2, no bias": conv(stride=(2, 1), padding=(0, 1)),
               "dilation 2": conv(padding=(1, 2), dilation=2), "2 groups": conv(groups=2), "depthwise": conv(padding=1, groups=3),
               "1x1 stride 2": conv(stride=2), "with relu": conv(padding=1, act="relu"), "with gelu": conv(padding=1, act="gelu"),
               "no images": conv()},
    "conv2d_pool": {"3x3 padded, bias": conv(padding=1, act="relu", pool=True), "odd sizes": conv(padding=1, act="relu", pool=True),
                    "stride 2, no bias": conv(stride=(2, 1), padding=(0, 1), act="relu", pool=True),
                    "without relu": conv(padding=1, pool=True), "2 groups": conv(groups=2, act="relu", pool=True),
                    "no images": conv(act="relu", pool=True)},
    "conv1d": {"padded, bias": with_options(F.conv1d, padding=1), "stride 2, dilation 2": with_options(F.conv1d, stride=2, padding=1, dilation=2),
               "2 groups": with_options(F.conv1d, groups=2), "no sequences": F.conv1d},
    "conv_transpose2d": {"3x3, bias": F.conv_transpose2d, "stride 2, padded": with_options(F.conv_transpose2d, stride=2, padding=(1, 0)),
                         "output padding": with_options(F.conv_transpose2d, stride=(2, 3), padding=1, output_padding=(1, 2)),
                         "2 groups, dilation": with_options(F.conv_transpose2d, stride=(1, 2), padding=(0, 1), groups=2, dilation=(2, 1)),
                         "output padding below the dilation": with_options(F.conv_transpose2d, stride=(1, 2), padding=2, output_padding=(1, 2),
                                                                           dilation=(2, 3)),
                         "1x1": F.conv_transpose2d, "no images": F.conv_transpose2d},
    "conv_transpose1d": {"stride 2, bias": with_options(F.conv_transpose1d, stride=2, padding=1),
                         "output padding, 2 groups": with_options(F.conv_transpose1d, stride=3, padding=1, output_padding=2, groups=2),
                         "dilation 2": with_options(F.conv_transpose1d, dilation=2)},
    "max_pool2d": pools(F.max_pool2d, False), "avg_pool2d": pools(F.avg_pool2d, True),
    "adaptive_avg_pool2d": {"to 1x1": lambda x: F.adaptive_avg_pool2d(x, 1), "uneven windows": lambda x: F.adaptive_avg_pool2d(x, (3, 2))},
    "batch_norm": {"training": batch_norm(True, True, False, False), "evaluation": batch_norm(False, True, False, False),
                   "rows, no affine": batch_norm(True, False, False, False), "relu": batch_norm(True, True, False, True),
                   "residual and relu": batch_norm(True, True, True, True)},
    "layer_norm": {"rows of 6": lambda x, w, b: F.layer_norm(x, (6,), w, b), "last two dims, no affine": lambda x: F.layer_norm(x, (2, 4)),
                   "no bias": lambda x, w: F.layer_norm(x, (5,), w)},
    "group_norm": {"2 groups of images": lambda x, w, b: F.group_norm(x, 2, w, b), "one group, eps 0.1": lambda x, w, b: F.group_norm(x, 1, w, b, 0.1),
                   "a group a channel": lambda x: F.group_norm(x, 3), "rows": lambda x, w, b: F.group_norm(x, 2, w, b),
                   "no images": lambda x, w, b: F.group_norm(x, 2, w, b)},
    "rms_norm": {"rows of 6": rms_norm((6,), 1e-5), "last two dims, no weight": rms_norm((2, 4), 0.1), "one vector": rms_norm((5,), 1e-6),
                 "no rows": rms_norm((3,), 1e-5)},
    "instance_norm": {"images": instance_norm(True), "no affine": instance_norm(True), "running statistics": instance_norm(False),
                      "no images": instance_norm(True)},
    **{name: {**every(["rows of 5", "rows of 1", "large values", "empty"], lambda x, f=fn: f(x, -1)), "dim 0": lambda x, f=fn: f(x, 0),
              "middle of 3-d": lambda x, f=fn: f(x, 1), "scalar": lambda x, f=fn: f(x, 0)}
       for name, fn in (("softmax", F.softmax), ("log_softmax", F.log_softmax))},
    "cross_entropy": {"mean": cross_entropy(), "sum, smoothing": cross_entropy(reduction="sum", label_smoothing=0.1),
                      "none": cross_entropy(reduction="none"), "ignoring class 2": cross_entropy(ignore_index=2, label_smoothing=0.2),
                      "images": cross_entropy(), "one row, no batch": cross_entropy(),
                      "weights": cross_entropy(True), "weights, no batch": cross_entropy(True, reduction="sum"),
                      "weights, smoothing, ignoring class 2": cross_entropy(True, ignore_index=2, label_smoothing=0.2),
                      "weighted images": cross_entropy(True, reduction="none", ignore_index=1, label_smoothing=0.1),
                      "probabilities": cross_entropy(), "probabilities, no batch": cross_entropy(True, reduction="sum"),
                      "probabilities, weights, smoothing": cross_entropy(True, label_smoothing=0.1)},
    "nll_loss": {"mean": nll_loss(), "weights, ignoring class 1": nll_loss(True, ignore_index=1),
                 "weights, none": nll_loss(True, ignore_index=2, reduction="none"), "images, sum": nll_loss(True, reduction="sum"),
                 "one row, no batch": nll_loss(True), "empty, sum": nll_loss(reduction="sum")},
    "l1_loss": {"mean": F.l1_loss, "sum": with_options(F.l1_loss, reduction="sum"), "none": with_options(F.l1_loss, reduction="none"),
                "scalars": F.l1_loss, "empty, sum": with_options(F.l1_loss, reduction="sum")},
    "smooth_l1_loss": {"mean": F.smooth_l1_loss, "sum, beta 0.1": with_options(F.smooth_l1_loss, reduction="sum", beta=0.1),
                       "none, beta 0": with_options(F.smooth_l1_loss, reduction="none", beta=0.0),
                       "empty, sum": with_options(F.smooth_l1_loss, reduction="sum")},
    "binary_cross_entropy": {"mean": bce(), "weights, sum": bce(True, reduction="sum"), "none": bce(reduction="none"),
                             "empty, sum": bce(reduction="sum")},
    "binary_cross_entropy_with_logits": {"mean": bce_logits(), "weights, sum": bce_logits(True, True, reduction="sum"),
                                         "none": bce_logits(pos=True, reduction="none"), "scalars": bce_logits(),
                                         "empty, sum": bce_logits(reduction="sum"), "far out": bce_logits(pos=True, reduction="none")},
    "kl_div": {"mean": F.kl_div, "batch mean": with_options(F.kl_div, reduction="batchmean"),
               "sum, log target": with_options(F.kl_div, reduction="sum", log_target=True),
               "none": with_options(F.kl_div, reduction="none"), "empty, sum": with_options(F.kl_div, reduction="sum"),
               "batch mean, log target": with_options(F.kl_div, reduction="batchmean", log_target=True)},
    "mse_loss": {"mean": F.mse_loss, "sum": lambda a, b: F.mse_loss(a, b, reduction="sum"), "none": lambda a, b: F.mse_loss(a, b, reduction="none")},
    "scaled_dot_product_attention": {"4-d": attention(False), "causal": attention(True), "more keys than queries": attention(True),
                                     "2-d": attention(False)},
    "masked_attention": {**every(["padding", "any pattern", "no key for one query", "added bias", "keys for all", "no queries"], masked_attention()),
                         "added, some -infinity": masked_attention(added_mask())},
    "self_attention": {"2 heads": self_attention(2, True), "all visible": self_attention(1, False)},
}
NO_REFERENCE = {"dropout"}  # its numbers come from our own generator; its gradient is checked numerically


def make_ops(dump):
    samples = {}
    tensors, calls = read_safetensors(dump)
    for name, array in tensors.items():
        key, index = name.rsplit("|", 1)
        samples.setdefault(key, {})[int(index)] = array
    golden, missing = {}, []
    for key, arrays in samples.items():
        if key in calls:
            fn = eval("lambda *t: " + calls[key], {"torch": torch, "F": F, "math": math})
        else:
            op, label = key.split(": ", 1)
            if op in NO_REFERENCE:
                continue
            fn = OPS.get(op, {}).get(label)
        if fn is None:
            missing.append(key)
            continue
        inputs = []
        for i in range(len(arrays)):
            t = torch.from_numpy(arrays[i].copy())
            inputs.append(t.double().requires_grad_() if t.is_floating_point() else t)
        out = fn(*inputs)
        golden[key + "|out"] = out.detach().numpy() if out.is_floating_point() or out.dtype != torch.bool else out.numpy()
        if out.requires_grad:
            n = out.numel()
            g = (0.25 + (torch.arange(n) * 7 % 11).double() / 8).reshape(out.shape)
            wanted = [t for t in inputs if t.requires_grad]
            for i, d in enumerate(torch.autograd.grad(out, wanted, g, allow_unused=True)):
                if d is not None:
                    golden[f"{key}|grad{i}"] = d.numpy()
    if missing:
        sys.exit("no PyTorch call for: " + "; ".join(missing))
    write_safetensors(HERE / "ops.safetensors", golden)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "ops":
        make_ops(sys.argv[2])
    elif len(sys.argv) == 2 and sys.argv[1] == "models":
        from golden_models import make_models
        make_models(HERE, write_safetensors)
    elif len(sys.argv) == 2 and sys.argv[1] == "layers":
        from golden_layers import make_layers
        make_layers(HERE, write_safetensors)
    elif len(sys.argv) == 2 and sys.argv[1] == "optim":
        from golden_optim import make_optim
        make_optim(HERE, write_safetensors)
    else:
        sys.exit(__doc__)
