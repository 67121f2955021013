#!/usr/bin/python3
"""PyTorch's side of `tito bench --vs peers`: one workload of bench/workloads.cpp in one variant.

torch_worker.py WORKLOAD VARIANT THREADS; variants: plain, channels_last, traced (inference).
Speaks the line protocol of bench/worker.h. torch_worker.py WORKLOAD MODEL.onnx 1 writes the model of
an inference for bench/peers/onnx_worker.cjs instead.
"""
import contextlib
import math
import signal
import sys
import time

workload, variant, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
signal.signal(signal.SIGINT, signal.SIG_IGN)  # `tito bench` ends its workers by itself


def status_bytes(name):
    """VmRSS or VmHWM, the peak. (getrusage's peak begins with that of the process before exec.)"""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(name + ":"))


import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(threads)
torch.manual_seed(0)
baseline = status_bytes("VmRSS")
inferring = False  # the whole measurement in inference_mode: entering it for each run costs 0.7 us
layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format


def mlp(*sizes):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.Linear(a, b)] + ([nn.ReLU()] if i + 2 < len(sizes) else [])
    return nn.Sequential(*layers)


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))


class Residual(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)
        self.downsample = None
        if c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)


def resnet20():
    blocks, c = [], 16
    for width in (16, 32, 64):
        for i in range(3):
            blocks.append(Residual(c, width, 2 if width > 16 and i == 0 else 1))
            c = width
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x, mask, cache=None, position=0):
        b, t, d = x.shape
        q, k, v = (part.view(b, t, self.heads, d // self.heads).transpose(1, 2)
                   for part in self.qkv(self.ln_1(x)).split(d, 2))
        if cache is not None:
            keys, values = cache
            keys[:, :, position:position + t], values[:, :, position:position + t] = k, v
            k, v = keys[:, :, :position + t], values[:, :, :position + t]
        if hasattr(F, "scaled_dot_product_attention"):  # PyTorch 2
            y = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1)
        else:
            scores = (q @ k.transpose(-2, -1)) * (1 / math.sqrt(d // self.heads))
            if t > 1:
                scores = scores.masked_fill(mask[:t, :t], float("-inf"))
            y = F.softmax(scores, -1) @ v
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.ln_2(x))))


class Gpt(nn.Module):
    def __init__(self, layers, heads, d, t, vocab=65):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, d), nn.Embedding(t, d)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(layers))
        self.ln_f, self.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)
        self.head.weight = self.wte.weight
        self.register_buffer("mask", torch.triu(torch.ones(t, t, dtype=torch.bool), 1))

    def forward(self, tokens, caches=None, position=0):
        x = self.wte(tokens) + self.wpe(torch.arange(position, position + tokens.shape[1]))
        for i, block in enumerate(self.blocks):
            x = block(x, self.mask, caches[i] if caches else None, position)
        return self.head(self.ln_f(x))


def images(*shape):
    return torch.rand(*shape).to(memory_format=layout)


def train(net, make_optimizer, x, y):
    net = net.to(memory_format=layout) if x.dim() == 4 else net
    optimizer = make_optimizer(net.parameters())

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = net(x)
        F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y).backward()
        optimizer.step()
    return step


def without_graph(step):
    global inferring
    inferring = True
    return step


def infer(net, x):
    net = net.eval()
    if variant.endswith(".onnx"):
        with contextlib.redirect_stdout(sys.stderr):
            torch.onnx.export(net, x, variant, opset_version=13)
        print("ready", flush=True)
        sys.exit()
    if x.dim() == 4:
        net = net.to(memory_format=layout)
    if variant == "traced":
        net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))
    return without_graph(lambda: net(x))


def decode():
    net = Gpt(6, 6, 384, 256).eval()
    caches = [(torch.zeros(1, 6, 256, 64), torch.zeros(1, 6, 256, 64)) for _ in range(6)]

    def step():
        token = torch.zeros(1, 1, dtype=torch.long)
        for position in range(256):
            token = net(token, caches, position)[:, -1].argmax(-1, keepdim=True)
    return without_graph(step)


def sgd(parameters):
    return torch.optim.SGD(parameters, 0.01, 0.9)


def classes(n, count=10):
    return torch.randint(0, count, (n,))


def gpt(layers, heads, d, t, batch):
    return train(Gpt(layers, heads, d, t), lambda p: torch.optim.AdamW(p, 1e-3),
                 torch.randint(0, 65, (batch, t)), classes(batch * t, 65))


def on(op, *tensors):
    return without_graph(lambda: op(*tensors))


def product(m, k, n, a_transposed=False, b_transposed=False):
    a = torch.randn(k, m).t() if a_transposed else torch.randn(m, k)
    b = torch.randn(n, k).t() if b_transposed else torch.randn(k, n)
    return on(torch.matmul, a, b)


def convolution(backward):
    x = torch.randn(16, 64, 32, 32).to(memory_format=layout)
    w = torch.randn(64, 64, 3, 3).to(memory_format=layout)
    if not backward:
        return on(lambda a, b: F.conv2d(a, b, padding=1), x, w)
    g = torch.randn(16, 64, 32, 32).to(memory_format=layout)
    x.requires_grad_(), w.requires_grad_()

    def step():
        x.grad = w.grad = None
        F.conv2d(x, w, padding=1).backward(g)
    return step


def vocabulary_loss():
    logits = torch.randn(4096, 50257, requires_grad=True)
    target = classes(4096, 50257)

    def step():
        logits.grad = None
        F.cross_entropy(logits, target).backward()
    return step


def row_operation(op):
    return on(op, torch.randn(1024, 64))


adam = torch.optim.Adam
step = {
    "a": lambda: train(mlp(784, 512, 10), adam, torch.rand(64, 784), classes(64)),
    "b": lambda: train(mlp(784, 1024, 1024, 10), sgd, torch.rand(256, 784), classes(256)),
    "c": lambda: train(cnn(), adam, images(64, 1, 28, 28), classes(64)),
    "d": lambda: train(resnet20(), sgd, images(64, 3, 32, 32), classes(64)),
    "e": lambda: gpt(4, 4, 128, 128, 16),
    "f": lambda: gpt(6, 6, 384, 256, 8),
    "g": lambda: infer(mlp(784, 512, 10), torch.rand(1, 784)),
    "h1": lambda: infer(cnn(), images(1, 1, 28, 28)),
    "h32": lambda: infer(cnn(), images(32, 1, 28, 28)),
    "i": decode,
    "gemm512": lambda: product(512, 512, 512),
    "gemm1024": lambda: product(1024, 1024, 1024),
    "gemm2048": lambda: product(2048, 2048, 2048),
    "skinny": lambda: product(64, 784, 512),
    "skinny_bt": lambda: product(64, 784, 512, b_transposed=True),
    "skinny_at": lambda: product(784, 64, 512, a_transposed=True),
    "narrow": lambda: product(64, 512, 10),
    "narrow_bt": lambda: product(64, 512, 10, b_transposed=True),
    "inner10": lambda: product(64, 10, 512),
    "conv": lambda: convolution(False),
    "conv_train": lambda: convolution(True),
    "add": lambda: on(torch.add, torch.randn(65536), torch.randn(65536)),
    "exp": lambda: on(torch.exp, torch.randn(65536)),
    "gelu": lambda: on(F.gelu, torch.randn(65536)),
    "softmax": lambda: row_operation(lambda x: torch.softmax(x, 1)),
    "layer_norm": lambda: row_operation(lambda x: F.layer_norm(x, (64,))),
    "sum": lambda: on(torch.sum, torch.randn(65536)),
    "transpose": lambda: on(lambda x: x.t().contiguous(), torch.randn(4096, 4096)),
    "vocabulary": vocabulary_loss,
}[workload]()

samples, in_row = [], 0


def warm_up():
    start, once, runs = time.perf_counter(), 1e9, 0
    while runs < 2 or time.perf_counter() - start < min(24 * once, 0.5):
        once, runs = min(once, timed(1)), runs + 1
    return max(1, min(1000, int(200e-6 / once)))


def timed(runs):
    start = time.perf_counter()
    for _ in range(runs):
        step()
    return (time.perf_counter() - start) / runs


print("ready", flush=True)
with torch.inference_mode() if inferring else contextlib.nullcontext():
    for line in sys.stdin:
        words = line.split()
        if words[0] == "run":
            in_row = in_row or warm_up()
            if in_row > 1 or not samples or min(samples) < 50e3:
                step()
            end = time.perf_counter() + float(words[1])
            while True:
                samples.append(timed(in_row) * 1e6)
                if time.perf_counter() >= end:
                    break
            print("done", flush=True)
        else:
            samples.sort()
            peak = status_bytes("VmHWM") - baseline
            print(samples[0], samples[len(samples) // 2], len(samples) * in_row, max(peak, 0),
                  flush=True)
