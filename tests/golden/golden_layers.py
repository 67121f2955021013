"""Layers in PyTorch's words: outputs, gradients of inputs and parameters, buffers afterwards.

Weights, inputs and output gradients are drawn as in golden_models.py, by the name of the case and of the parameter
(tests/unit/golden/layers_golden_test.cpp does the same), so only results are stored.
"""
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

from golden_models import uniforms, weight


class RMSNorm(nn.Module):
    """nn.RMSNorm by its formula: PyTorch has it from 2.4 on."""
    def __init__(self, n, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(n)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def lstm(layer, x, h, c):
    y, (h, c) = layer(x, (h, c))
    return y, h, c


def batch_mask(n, t, first):
    return torch.arange(t).expand(n, t) >= torch.arange(n).unsqueeze(1) + first


def attend(layer, q, k, **kw):
    return layer(q, k, k, need_weights=False, **kw)[0],


def added(heads, tq, tk):
    i = torch.arange(heads * tq * tk, dtype=torch.float64)
    return ((i % 5) / 4).reshape(heads, tq, tk)


CASES = {  # name: (layer, input shapes, call)
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, 2, 1, groups=2), [(2, 4, 7)], None),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), [(2, 3, 3, 4)], None),
    "batch_norm1d rows": (lambda: nn.BatchNorm1d(3), [(5, 3)], None),
    "batch_norm1d sequences": (lambda: nn.BatchNorm1d(3, 1e-3, 0.25), [(2, 3, 4)], None),
    "group_norm": (lambda: nn.GroupNorm(2, 4), [(2, 4, 3)], None),
    "rms_norm": (lambda: RMSNorm(6, 1e-5), [(2, 3, 6)], None),
    "attention": (lambda: nn.MultiheadAttention(6, 2), [(4, 2, 6)], lambda m, x: attend(m, x, x)),
    "attention padded": (lambda: nn.MultiheadAttention(6, 3, batch_first=True), [(2, 3, 6), (2, 5, 6)],
                         lambda m, q, k: attend(m, q, k, key_padding_mask=batch_mask(2, 5, 2), attn_mask=batch_mask(3, 5, 3))),
    "attention added": (lambda: nn.MultiheadAttention(4, 2, bias=False), [(3, 2, 4), (4, 2, 4)],
                        lambda m, q, k: attend(m, q, k, attn_mask=added(4, 3, 4))),
    "rnn": (lambda: nn.RNN(3, 4, 2), [(5, 2, 3)], None),
    "rnn relu": (lambda: nn.RNN(3, 4, nonlinearity="relu", bias=False, batch_first=True), [(2, 4, 3), (1, 2, 4)], None),
    "lstm": (lambda: nn.LSTM(3, 4, 2, bidirectional=True), [(4, 2, 3), (4, 2, 4), (4, 2, 4)], lstm),
    "lstm alone": (lambda: nn.LSTM(2, 3), [(3, 1, 2)], lambda m, x: (lambda r: (r[0], *r[1]))(m(x))),
    "gru": (lambda: nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), [(2, 5, 3), (4, 2, 4)], None),
    "gru alone": (lambda: nn.GRU(2, 3, bias=False), [(4, 2, 2)], None),
}


def make_layers(folder, write_safetensors):
    golden = {}
    for name, (make, shapes, call) in CASES.items():
        layer = make().double()
        with torch.no_grad():
            for key, p in layer.named_parameters():
                p.copy_(weight(f"{name}.{key}", tuple(p.shape)))
        inputs = [torch.from_numpy((4 * uniforms(f"{name}.x{i}", int(np.prod(s))) - 2).reshape(s)).requires_grad_()
                  for i, s in enumerate(shapes)]
        outputs = call(layer, *inputs) if call else layer(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        total = 0
        for i, y in enumerate(outputs):
            golden[f"{name}|out{i}"] = y.detach().numpy()
            total = total + (y * torch.from_numpy(uniforms(f"{name}.g{i}", y.numel()).reshape(y.shape))).sum()
        total.backward()
        for i, x in enumerate(inputs):
            golden[f"{name}|x{i}"] = x.grad.numpy()
        for key, p in layer.named_parameters():
            golden[f"{name}|{key}"] = p.grad.numpy()
        for key, b in layer.named_buffers():
            golden[f"{name}|{key}"] = b.double().numpy()
        if "batch_norm" in name:
            layer.eval()
            golden[f"{name}|eval"] = layer(inputs[0]).detach().numpy()
    write_safetensors(Path(folder) / "layers.safetensors", golden)
